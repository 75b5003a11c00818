//! What a change of a work, of its visibility or of its state means for the wall, the search and
//! the counters: one function brings all of them to what they should be.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use oto_api_types::WorkChange;

use super::publish::LICENCES;
use super::{WorkRow, find, visibility_word};
use crate::accounts::one_line;
use crate::auth::random;
use crate::db::{all, execute, immediate, now_ms, value};
use crate::error::Refusal;
use crate::moderation::rules;
use crate::notices;
use crate::search;
use crate::wall::{plots, sums};
use crate::webhooks;

/// Half of what a work's age weighs against votes: one power of ten of them in twelve hours and a
/// half (the ranking that Reddit published).
const HOT_MS: f64 = 45_000_000.0;

/// Hotter is later or more liked; it needs no clock to stay right.
pub(crate) fn hot(points: i64, published_at_ms: i64) -> f64 {
    let order = (points.unsigned_abs().max(1) as f64).log10();
    let sign = points.signum() as f64;
    sign * order + published_at_ms as f64 / HOT_MS
}

/// The lower bound of Wilson's interval at 95 %: how good a work surely is.
pub(crate) fn top(up: i64, down: i64) -> f64 {
    let n = (up + down) as f64;
    if n == 0.0 {
        return 0.0;
    }
    const Z: f64 = 1.96;
    let p = up as f64 / n;
    let spread = Z * ((p * (1.0 - p) + Z * Z / (4.0 * n)) / n).sqrt();
    (p + Z * Z / (2.0 * n) - spread) / (1.0 + Z * Z / n)
}

/// Whoever changes a work, or hangs it or takes it down, waits for the other: the author first, then the
/// work; before anything of either is written.
pub(crate) async fn lock(txn: &impl ConnectionTrait, id: &str) -> Result<(), DbErr> {
    for sql in [
        "UPDATE account SET handle = handle WHERE id IN (SELECT author FROM work WHERE id = $1)",
        "UPDATE work SET version = version WHERE id = $1",
    ] {
        execute(txn, sql, vec![id.into()]).await?;
    }
    Ok(())
}

/// Hangs a work on the wall or takes it down, as its visibility, its state and its author's say, and
/// everything else with it. Repeatable.
pub(crate) async fn settle(txn: &impl ConnectionTrait, id: &str) -> Result<(), Refusal> {
    lock(txn, id).await?;
    let Some(row) = find(txn, id).await? else { return Ok(()) };
    if row.slug.is_none() && row.visibility != "private" && row.state != "deleted" {
        let sql = "UPDATE work SET slug = $2 WHERE id = $1";
        execute(txn, sql, vec![id.into(), random::slug()?.into()]).await?;
    }
    let author_is_here = !matches!(row.author_state.as_str(), "suspended" | "gone");
    let wanted = row.visibility == "public" && row.state == "shown" && author_is_here;
    match (wanted, row.is_on_wall) {
        (true, false) => hang(txn, &row).await?,
        (false, true) => take_down(txn, &row).await?,
        _ => {}
    }
    Ok(())
}

async fn hang(txn: &impl ConnectionTrait, row: &WorkRow) -> Result<(), DbErr> {
    let place = plots::take_cell(txn, &row.author.id).await?;
    let published = row.published_at_ms.unwrap_or_else(now_ms);
    let points = row.likes + row.votes_up - row.votes_down;
    let sql = "UPDATE work SET on_wall = 1, plot = $2, cell = $3, px = $4, py = $5, x = $6, y = $7, published_at_ms = $8, hot = $9, top = $10, version = version + 1 WHERE id = $1";
    let values = vec![
        row.id.clone().into(),
        place.plot.into(),
        place.cell.into(),
        place.px.into(),
        place.py.into(),
        place.x.into(),
        place.y.into(),
        published.into(),
        hot(points, published).into(),
        top(row.votes_up + row.likes, row.votes_down).into(),
    ];
    execute(txn, sql, values).await?;
    search::index_work(txn, &row.id, &words(row)).await?;
    count(txn, row, 1).await?;
    webhooks::tell(txn, &row.author.id, "work.published", &row.id).await?;
    sums::changed(txn, (place.px, place.py), [place.x, place.y]).await
}

async fn take_down(txn: &impl ConnectionTrait, row: &WorkRow) -> Result<(), DbErr> {
    let sql = "UPDATE work SET on_wall = 0, plot = NULL, cell = NULL, version = version + 1 WHERE id = $1";
    execute(txn, sql, vec![row.id.clone().into()]).await?;
    if let Some(plot) = row.plot {
        plots::free_cell(txn, plot).await?;
    }
    search::forget_work(txn, &row.id).await?;
    notices::forget_words_of_work(txn, &row.id, &row.author.id).await?;
    count(txn, row, -1).await?;
    webhooks::tell(txn, &row.author.id, "work.removed", &row.id).await?;
    if let (Some(plot), Some(at)) = (row.plot, row.at) {
        sums::changed(txn, plots::spiral(plot), at).await?;
    }
    Ok(())
}

/// Counts of the author and of the works it was made from.
async fn count(txn: &impl ConnectionTrait, row: &WorkRow, by: i64) -> Result<(), DbErr> {
    // One after another in one order: two works with the same sources wait for each other only so.
    let sql = "SELECT source FROM work_source WHERE work = $1 ORDER BY source";
    for source in all(txn, sql, vec![row.id.clone().into()]).await? {
        let source: String = source.try_get("", "source")?;
        let sql = "UPDATE work SET reuses = reuses + $2 WHERE id = $1";
        execute(txn, sql, vec![source.into(), by.into()]).await?;
    }
    let sql = "UPDATE account SET works = works + $2 WHERE id = $1";
    execute(txn, sql, vec![row.author.id.clone().into(), by.into()]).await?;
    Ok(())
}

/// Makes the words by which a work is found anew.
pub(crate) async fn reindex(txn: &impl ConnectionTrait, id: &str) -> Result<(), DbErr> {
    match find(txn, id).await? {
        Some(row) => {
            search::forget_work(txn, id).await?;
            search::index_work(txn, id, &words(&row)).await
        }
        None => Ok(()),
    }
}

fn words(row: &WorkRow) -> String {
    let prompt = if row.shows_recipe { row.recipe().prompt } else { String::new() };
    format!(
        "{} {} {} {} {} {}",
        row.title, row.tags, row.author.handle, row.author.name, prompt, row.text
    )
}

/// Changes a work of one's own; `version` is what the caller saw of it.
pub(crate) async fn change(
    db: &DatabaseConnection,
    row: &WorkRow,
    change: &WorkChange,
    version: i64,
    rules: &[String],
) -> Result<WorkRow, Refusal> {
    let mut set = vec!["version = version + 1".to_owned()];
    let mut values: Vec<sea_orm::Value> = vec![row.id.clone().into(), version.into()];
    let mut put = |column: &str, value: sea_orm::Value| {
        values.push(value);
        set.push(format!("{column} = ${}", values.len()));
    };
    if let Some(title) = &change.title {
        let title = one_line(title, 200).ok_or_else(|| {
            Refusal::validation("A title has 1 to 200 characters that can be seen.")
        })?;
        put("title", title.into());
    }
    if let Some(visibility) = change.visibility {
        let word = visibility_word(visibility)
            .ok_or_else(|| Refusal::validation("A work is private, link or public."))?;
        put("visibility", word.into());
    }
    if let Some(licence) = &change.licence {
        if !LICENCES.contains(&licence.as_str()) {
            return Err(Refusal::validation(format!(
                "A licence is one of {}.",
                LICENCES.join(", ")
            )));
        }
        put("licence", licence.clone().into());
    }
    for (column, flag) in [
        ("may_reuse", change.may_reuse),
        ("may_comment", change.may_comment),
        ("shows_recipe", change.shows_recipe),
        ("shows_sources", change.shows_sources),
    ] {
        if let Some(flag) = flag {
            put(column, i64::from(flag).into());
        }
    }
    let txn = db.begin_with_options(immediate()).await?;
    lock(&txn, &row.id).await?;
    let sql = format!(
        "UPDATE work SET {} WHERE id = $1 AND version = $2 AND state <> 'deleted'",
        set.join(", ")
    );
    if execute(&txn, &sql, values).await? == 0 {
        txn.rollback().await?;
        return Err(Refusal::new(
            axum::http::StatusCode::PRECONDITION_FAILED,
            "version_conflict",
            "It was changed meanwhile; look at it again.",
        ));
    }
    if change.title.is_some() || change.visibility.is_some() {
        rules::hold(&txn, rules, &row.id).await?;
    }
    settle(&txn, &row.id).await?;
    let now = find(&txn, &row.id)
        .await?
        .ok_or_else(|| Refusal::from(DbErr::RecordNotFound(row.id.clone())))?;
    if row.is_on_wall && now.is_on_wall {
        // What can be read of it changed where it hangs.
        search::forget_work(&txn, &row.id).await?;
        search::index_work(&txn, &row.id, &words(&now)).await?;
        if let (Some(plot), Some(at)) = (now.plot, now.at) {
            sums::changed(&txn, plots::spiral(plot), at).await?;
        }
    }
    txn.commit().await?;
    Ok(now)
}

/// Takes a work away for good. What was made from it keeps a string to something private. Gives the
/// media that nothing needs any more.
pub(crate) async fn remove(txn: &impl ConnectionTrait, id: &str) -> Result<Vec<String>, Refusal> {
    lock(txn, id).await?;
    let Some(row) = find(txn, id).await? else { return Ok(Vec::new()) };
    let sql = "UPDATE work SET state = 'deleted', version = version + 1 WHERE id = $1";
    execute(txn, sql, vec![id.into()]).await?;
    settle(txn, id).await?;
    let original: Option<Option<String>> =
        value(txn, "SELECT original FROM work WHERE id = $1", vec![id.into()]).await?;
    let sql = "UPDATE work SET title = '', text = '', tags = '', recipe = '{}', sources = '[]', asset = NULL, original = NULL, poster = NULL, slug = NULL, size = 0 WHERE id = $1";
    execute(txn, sql, vec![id.into()]).await?;
    for sql in [
        "DELETE FROM work_like WHERE work = $1",
        "DELETE FROM work_vote WHERE work = $1",
        "DELETE FROM comment WHERE work = $1",
        "DELETE FROM notification WHERE work = $1",
        "DELETE FROM work_source WHERE work = $1",
    ] {
        execute(txn, sql, vec![id.into()]).await?;
    }
    match original.flatten() {
        Some(original) => Ok(crate::assets::unneeded(txn, &row.author.id, &original).await?),
        None => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::{hot, top};

    #[test]
    fn newer_and_more_liked_is_hotter_and_few_votes_are_no_proof() {
        assert!(hot(0, 2_000_000) > hot(0, 1_000_000));
        assert!(hot(100, 0) > hot(10, 0) && hot(-10, 0) < hot(0, 0));
        assert!(top(90, 10) > top(1, 0));
        assert!(top(1, 0) > top(0, 1));
        assert!((top(0, 0)).abs() < f64::EPSILON);
    }
}
