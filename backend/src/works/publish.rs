//! A work leaves the desk: it is checked, written down once for its id, and hung on the wall.

use axum::http::StatusCode;
use oto_api_types::{JobKind, NewWork, WorkSource};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use super::{PRIVATE, WorkRow, change, find, kind_word, visibility_word};
use crate::accounts::one_line;
use crate::auth::Me;
use crate::db::{execute, immediate, now_ms, one, value};
use crate::error::Refusal;
use crate::moderation::rules;
use crate::notices::{self, Notice};

/// Longest text of a work.
const MOST_TEXT: usize = 100_000;
/// Longest recipe and list of sources, in bytes as they are kept.
const MOST_RECIPE: usize = 200_000;
/// Most sources.
const MOST_SOURCES: usize = 100;

/// Licences a work can have, by their SPDX names, and the two that are none.
pub(crate) const LICENCES: [&str; 8] = [
    "all-rights-reserved",
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-NC-ND-4.0",
];

/// What was found out about uploaded media.
struct Checked {
    served: String,
    content_type: String,
    size: i64,
    width: i64,
    height: i64,
    duration_ms: i64,
    rgb: i64,
    poster: Option<String>,
}

/// Takes a work. The same work with the same id again is answered as it is; one that its author took
/// away hangs again as it is published now.
pub(crate) async fn publish(
    db: &DatabaseConnection,
    me: &Me,
    new: &NewWork,
    rules: &[String],
) -> Result<(WorkRow, bool), Refusal> {
    let told = told(new)?;
    let fingerprint = blake3::hash(
        serde_json::to_string(new).map_err(|e| Refusal::validation(e.to_string()))?.as_bytes(),
    )
    .to_hex()
    .to_string();
    let txn = db.begin_with_options(immediate()).await?;
    // Of two at once the second sees what the first did; in the order of `change::lock`.
    let sql = "UPDATE account SET handle = handle WHERE id = $1";
    execute(&txn, sql, vec![me.account.clone().into()]).await?;
    match find(&txn, &told.id).await? {
        Some(row) if row.state == "deleted" && row.author.id == me.account => {
            may_come_back(&txn, &told.id).await?;
        }
        None => {}
        row => {
            txn.rollback().await?;
            return known(row, me, &fingerprint);
        }
    }
    let media = match &new.asset {
        Some(hash) => Some(media(&txn, me, hash, new.kind).await?),
        None => None,
    };
    let sources = allowed_sources(&txn, me, &new.sources).await?;
    if !insert(&txn, me, new, &told, &fingerprint, media, &sources).await? {
        // The same was published at the same moment: it is answered as that.
        txn.rollback().await?;
        return known(find(db, &told.id).await?, me, &fingerprint);
    }
    for source in sources.iter().filter_map(|s| s.work.as_deref()) {
        let sql = "INSERT INTO work_source (work, source) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        execute(&txn, sql, vec![told.id.clone().into(), source.into()]).await?;
    }
    rules::hold(&txn, rules, &told.id).await?;
    change::settle(&txn, &told.id).await?;
    // What is held is no news yet.
    if find(&txn, &told.id).await?.is_some_and(|row| row.is_on_wall) {
        tell_sources(&txn, me, &told.id, &told.title, &sources).await?;
    }
    txn.commit().await?;
    let row = find(db, &told.id).await?;
    row.map(|row| (row, true)).ok_or_else(|| DbErr::RecordNotFound(told.id).into())
}

/// Refuses to hang again what a moderator took down before its author took it away: that takes an appeal.
async fn may_come_back(txn: &impl ConnectionTrait, id: &str) -> Result<(), Refusal> {
    let sql = "SELECT action FROM decision WHERE target_kind = 'work' AND target = $1 AND lifted = 0 AND action IN ('unpublish', 'remove', 'restore') ORDER BY at_ms DESC, id DESC LIMIT 1";
    let last: Option<String> = value(txn, sql, vec![id.into()]).await?;
    if last.is_some_and(|action| action != "restore") {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "taken_down",
            "A moderator took this work down. The letter about it says why, and how to appeal; after that it can be published again.",
        ));
    }
    Ok(())
}

/// The answer when there is a work with this id already.
fn known(row: Option<WorkRow>, me: &Me, fingerprint: &str) -> Result<(WorkRow, bool), Refusal> {
    row.filter(|row| row.author.id == me.account && row.fingerprint == fingerprint)
        .map(|row| (row, false))
        .ok_or_else(|| {
            Refusal::new(
                StatusCode::CONFLICT,
                "version_conflict",
                "There is another work with this id; change it instead, or publish with a new id.",
            )
        })
}

/// What was sent, tidied.
struct Told {
    id: String,
    kind: &'static str,
    title: String,
    text: String,
    tags: String,
    visibility: &'static str,
    licence: &'static str,
    recipe: String,
}

fn told(new: &NewWork) -> Result<Told, Refusal> {
    let id = uuid::Uuid::parse_str(&new.id)
        .ok()
        .ok_or_else(|| Refusal::validation("The id of a work is a UUID."))?
        .to_string();
    let kind = kind_word(new.kind)
        .ok_or_else(|| Refusal::validation("A work is a text, image, voice or video."))?;
    let title = one_line(&new.title, 200)
        .ok_or_else(|| Refusal::validation("A title has 1 to 200 characters that can be seen."))?;
    let visibility = visibility_word(new.visibility)
        .ok_or_else(|| Refusal::validation("A work is private, link or public."))?;
    if new.text.len() > MOST_TEXT {
        return Err(Refusal::validation("A text has up to 100,000 bytes; shorten it."));
    }
    match (new.kind, &new.asset) {
        (JobKind::Text, None) if new.text.chars().all(|c| c.is_whitespace() || c.is_control()) => {
            return Err(Refusal::validation("A text needs words."));
        }
        (JobKind::Text, Some(_)) => {
            return Err(Refusal::validation("A text carries its words itself, without media."));
        }
        (JobKind::Text, None) | (_, Some(_)) => {}
        (_, None) => return Err(Refusal::validation("This needs its media: upload it first.")),
    }
    let licence = match new.licence.as_str() {
        "" => LICENCES[0],
        word => LICENCES.into_iter().find(|l| *l == word).ok_or_else(|| {
            Refusal::validation(format!("A licence is one of {}.", LICENCES.join(", ")))
        })?,
    };
    if new.sources.len() > MOST_SOURCES {
        return Err(Refusal::validation("A work has up to 100 sources."));
    }
    let recipe =
        serde_json::to_string(&new.recipe).map_err(|e| Refusal::validation(e.to_string()))?;
    if recipe.len() > MOST_RECIPE {
        return Err(Refusal::validation("This recipe is longer than 200,000 bytes; shorten it."));
    }
    Ok(Told {
        id,
        kind,
        title,
        text: new.text.clone(),
        tags: tags(&new.tags)?,
        visibility,
        licence,
        recipe,
    })
}

fn tags(all: &[String]) -> Result<String, Refusal> {
    if all.len() > 10 {
        return Err(Refusal::validation("A work has up to ten tags."));
    }
    let tidy = |tag: &String| -> Option<String> {
        let word: String = tag
            .trim_start_matches('#')
            .chars()
            .filter(|c| c.is_alphanumeric() || *c == '-')
            .collect();
        (!word.is_empty() && word.chars().count() <= 40).then(|| word.to_lowercase())
    };
    let mut words: Vec<String> = all.iter().filter_map(tidy).collect();
    words.dedup();
    Ok(words.join(" "))
}

/// The media of a work: uploaded by its author, and of its kind.
async fn media(
    txn: &impl ConnectionTrait,
    me: &Me,
    hash: &str,
    kind: JobKind,
) -> Result<Checked, Refusal> {
    // Nobody forgets it from here on: whoever would waits for this row.
    let sql = "UPDATE asset_owner SET created_at_ms = $3 WHERE account = $1 AND hash = $2";
    let own = vec![me.account.clone().into(), hash.into(), now_ms().into()];
    execute(txn, sql, own).await?;
    let sql = "SELECT s.served, s.content_type, s.size, s.width, s.height, s.duration_ms, s.rgb, s.poster, s.kind FROM asset s JOIN asset_owner o ON o.hash = s.hash WHERE o.account = $1 AND s.hash = $2";
    let row =
        one(txn, sql, vec![me.account.clone().into(), hash.into()]).await?.ok_or_else(|| {
            Refusal::validation("This medium is not here; upload it first, then publish.")
        })?;
    let found: String = row.try_get("", "kind")?;
    if Some(found.as_str()) != kind_word(kind) {
        let wanted = kind_word(kind).unwrap_or_default();
        return Err(Refusal::validation(format!("What was uploaded is {found}, not {wanted}.")));
    }
    // What a plan allows is counted over works, not over uploads that lead nowhere.
    let sql = "SELECT p.storage_bytes - CAST(COALESCE((SELECT SUM(size) FROM work WHERE author = $1 AND state <> 'deleted'), 0) AS BIGINT) FROM account a JOIN plan p ON p.id = a.plan WHERE a.id = $1";
    let room: i64 = value(txn, sql, vec![me.account.clone().into()]).await?.unwrap_or(0);
    let size: i64 = row.try_get("", "size")?;
    if size > room {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "quota-exceeded",
            "There is no room left in your plan for this; remove works, or choose a larger plan.",
        ));
    }
    Ok(Checked {
        served: row.try_get("", "served")?,
        content_type: row.try_get("", "content_type")?,
        size,
        width: row.try_get("", "width")?,
        height: row.try_get("", "height")?,
        duration_ms: row.try_get("", "duration_ms")?,
        rgb: row.try_get("", "rgb")?,
        poster: row.try_get("", "poster")?,
    })
}

/// The sources that can be named. One that is not there is an error only when it was to be re-used
/// without leave; what is private or gone stays as a title.
async fn allowed_sources(
    txn: &impl ConnectionTrait,
    me: &Me,
    told: &[WorkSource],
) -> Result<Vec<WorkSource>, Refusal> {
    let mut sources = Vec::with_capacity(told.len());
    for source in told {
        let title = one_line(&source.title, 200).unwrap_or_default();
        let id = source.work.as_deref().and_then(|id| uuid::Uuid::parse_str(id).ok());
        let found = match id {
            Some(id) => find(txn, &id.to_string()).await?,
            None => None,
        };
        // What nobody is shown keeps its place, without the name it had.
        let title = if found.as_ref().is_some_and(|f| !f.is_seen_by(Some(me))) {
            PRIVATE.to_owned()
        } else {
            title
        };
        let found = found.filter(|f| f.is_seen_by(Some(me)));
        if let Some(f) = &found
            && f.author.id != me.account
            && !f.may_reuse
        {
            return Err(Refusal::forbidden(format!(
                "“{}” by {} may not be used in other works.",
                f.title, f.author.name
            )));
        }
        sources.push(WorkSource { work: found.map(|f| f.id), title, kind: source.kind });
    }
    Ok(sources)
}

/// Writes it down, over one that its author took away; false when another one with its id was faster.
async fn insert(
    txn: &impl ConnectionTrait,
    me: &Me,
    new: &NewWork,
    told: &Told,
    fingerprint: &str,
    media: Option<Checked>,
    sources: &[WorkSource],
) -> Result<bool, Refusal> {
    let sources = serde_json::to_string(sources).map_err(|e| Refusal::validation(e.to_string()))?;
    if sources.len() > MOST_RECIPE {
        return Err(Refusal::validation("The titles of the sources are too long."));
    }
    let original = new.asset.clone();
    let media = media.unwrap_or_else(|| Checked {
        served: String::new(),
        content_type: "text/plain; charset=utf-8".to_owned(),
        size: told.text.len() as i64,
        width: 0,
        height: 0,
        duration_ms: 0,
        rgb: 0xfd_f3_b0,
        poster: None,
    });
    let (w, h) = size_on_wall(media.width, media.height);
    let asset = (!media.served.is_empty()).then_some(media.served);
    let sql = "INSERT INTO work (id, author, fingerprint, kind, title, text, tags, visibility, state, asset, original, content_type, size, width, height, duration_ms, rgb, poster, licence, may_reuse, may_comment, shows_recipe, shows_sources, recipe, sources, w, h, created_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'shown', $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)
        ON CONFLICT (id) DO UPDATE SET fingerprint = $3, kind = $4, title = $5, text = $6, tags = $7, visibility = $8, state = 'shown', asset = $9, original = $10, content_type = $11, size = $12, width = $13, height = $14, duration_ms = $15, rgb = $16, poster = $17, licence = $18, may_reuse = $19, may_comment = $20, shows_recipe = $21, shows_sources = $22, recipe = $23, sources = $24, w = $25, h = $26, created_at_ms = $27,
        state_reason = '', published_at_ms = NULL, likes = 0, votes_up = 0, votes_down = 0, comments = 0, version = work.version + 1
        WHERE work.state = 'deleted' AND work.author = $2";
    let values = vec![
        told.id.clone().into(),
        me.account.clone().into(),
        fingerprint.into(),
        told.kind.into(),
        told.title.clone().into(),
        told.text.clone().into(),
        told.tags.clone().into(),
        told.visibility.into(),
        asset.into(),
        original.into(),
        media.content_type.into(),
        media.size.into(),
        media.width.into(),
        media.height.into(),
        media.duration_ms.into(),
        media.rgb.into(),
        media.poster.into(),
        told.licence.into(),
        i64::from(new.may_reuse).into(),
        i64::from(new.may_comment).into(),
        i64::from(new.shows_recipe).into(),
        i64::from(new.shows_sources).into(),
        told.recipe.clone().into(),
        sources.into(),
        w.into(),
        h.into(),
        now_ms().into(),
    ];
    Ok(execute(txn, sql, values).await? == 1)
}

/// Size on the wall of media in pixels: a print whose picture keeps its proportions, with a margin of
/// 14 units left and right, 30 above and 46 below, within a place of 200 by 215 units.
fn size_on_wall(width: i64, height: i64) -> (f64, f64) {
    if width <= 0 || height <= 0 {
        return (200.0, 200.0);
    }
    let shape = (width as f64 / height as f64).clamp(0.3, 3.0);
    let picture = (139.0 * shape).min(172.0);
    (picture + 28.0, picture / shape + 76.0)
}

/// Authors whose works were used are told.
async fn tell_sources(
    txn: &impl ConnectionTrait,
    me: &Me,
    id: &str,
    title: &str,
    sources: &[WorkSource],
) -> Result<(), DbErr> {
    for source in sources.iter().filter_map(|s| s.work.as_deref()) {
        let Some(row) = find(txn, source).await? else { continue };
        let text = format!("made “{title}” from your “{}”", row.title);
        let notice = Notice {
            account: &row.author.id,
            kind: "reuse",
            by: Some(&me.account),
            work: Some(id),
            text: &text,
            reference: Some(format!("reuse:{id}:{source}")),
        };
        notices::tell(txn, &notice).await?;
    }
    Ok(())
}
