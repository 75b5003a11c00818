//! Reports, decisions and appeals. Reports alone never take anything down, however many there are:
//! they bring it before a person. Every decision has a reason its owner can read, can be undone, and
//! can be appealed against once, to somebody else.

pub(crate) mod rules;

use oto_api_types::{Decision, NewReport, Report};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use crate::audit;
use crate::auth::session;
use crate::db::{all, execute, immediate, now_ms, one, value};
use crate::error::Refusal;
use crate::notices::{self, Notice};
use crate::works::{change, comments};

/// Why something can be reported.
pub(crate) const REASONS: [&str; 7] =
    ["spam", "abuse", "sexual", "violence", "copyright", "privacy", "other"];
/// How long a decision can be appealed against.
pub(crate) const APPEAL_MS: i64 = 20 * 86_400_000;
/// How long a suspension lasts.
const SUSPENSION_MS: i64 = 30 * 86_400_000;

/// Whose something is; none when it is not there.
async fn owner_of(
    db: &impl ConnectionTrait,
    kind: &str,
    id: &str,
) -> Result<Option<String>, DbErr> {
    let sql = match kind {
        "work" => "SELECT author FROM work WHERE id = $1 AND state <> 'deleted'",
        "comment" => "SELECT author FROM comment WHERE id = $1 AND state <> 'deleted'",
        _ => "SELECT id AS author FROM account WHERE id = $1 AND state <> 'gone'",
    };
    let row = one(db, sql, vec![id.into()]).await?;
    row.map(|r| r.try_get("", "author")).transpose()
}

/// Reports something. The same person reports the same thing once while that is open.
pub(crate) async fn report(
    db: &DatabaseConnection,
    me: &str,
    new: &NewReport,
) -> Result<Report, Refusal> {
    if !["work", "comment", "account"].contains(&new.target_kind.as_str()) {
        return Err(Refusal::validation("A work, a comment or an account can be reported."));
    }
    if !REASONS.contains(&new.reason.as_str()) {
        return Err(Refusal::validation(format!("A reason is one of {}.", REASONS.join(", "))));
    }
    if new.text.chars().count() > 2_000 {
        return Err(Refusal::validation("A report has up to 2,000 characters."));
    }
    let owner = owner_of(db, &new.target_kind, &new.target).await?;
    let sql = "SELECT 1 AS yes FROM work WHERE id = $1 AND visibility = 'private'";
    // What only its owner sees is nobody else's to report, or to know of.
    let is_hidden = new.target_kind == "work"
        && owner.as_deref() != Some(me)
        && one(db, sql, vec![new.target.clone().into()]).await?.is_some();
    if owner.is_none() || is_hidden {
        return Err(Refusal::not_found("thing to report"));
    }
    let id = uuid::Uuid::now_v7().to_string();
    let sql = "INSERT INTO report (id, reporter, target_kind, target, reason, text, state, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7) ON CONFLICT DO NOTHING";
    let values = vec![
        id.into(),
        me.into(),
        new.target_kind.clone().into(),
        new.target.clone().into(),
        new.reason.clone().into(),
        new.text.clone().into(),
        now_ms().into(),
    ];
    execute(db, sql, values).await?;
    let sql = "SELECT id, state, created_at_ms FROM report WHERE reporter = $1 AND target_kind = $2 AND target = $3 AND state = 'open'";
    let values = vec![me.into(), new.target_kind.clone().into(), new.target.clone().into()];
    let row = one(db, sql, values).await?.ok_or_else(|| Refusal::not_found("report"))?;
    Ok(Report {
        id: row.try_get("", "id")?,
        state: row.try_get("", "state")?,
        created_at_ms: row.try_get("", "created_at_ms")?,
    })
}

/// What a decision means to whom it is about.
fn said(kind: &str, action: &str) -> &'static str {
    match (kind, action) {
        (_, "restore") => RESTORED,
        ("work", "label") => "A label was put on your work",
        ("work", "remove") => "Your work was removed",
        ("work", _) => "Your work was taken down",
        ("comment", _) => "Your comment was removed",
        (_, "limit") => "Your account was limited: it makes works, and publishes and says nothing",
        (_, "suspend") => "Your account was suspended for thirty days",
        _ => "Your account was frozen: it reads everything and changes nothing",
    }
}

/// How notices of what was given back begin; there is nothing to object to.
pub(crate) const RESTORED: &str = "What was decided before is lifted";

/// Decides about something. Repeating a decision changes nothing more.
pub(crate) async fn decide(
    db: &DatabaseConnection,
    moderator: &str,
    kind: &str,
    target: &str,
    action: &str,
    reason: &str,
) -> Result<(), Refusal> {
    let fits = match kind {
        "work" => ["keep", "label", "unpublish", "remove", "restore"].contains(&action),
        "comment" => ["keep", "remove", "restore"].contains(&action),
        "account" => ["keep", "freeze", "limit", "suspend", "restore"].contains(&action),
        _ => false,
    };
    let reason = reason.trim();
    if !fits || reason.is_empty() || reason.chars().count() > 2_000 {
        return Err(Refusal::validation(
            "A decision names what is done, and why in up to 2,000 characters.",
        ));
    }
    let txn = db.begin_with_options(immediate()).await?;
    let missing = || Refusal::not_found("thing to decide about");
    let owner = owner_of(&txn, kind, target).await?.ok_or_else(missing)?;
    if owner == moderator {
        return Err(Refusal::forbidden("Somebody else decides about what is yours."));
    }
    let sql = "SELECT role FROM account WHERE id = $1";
    let role: Option<String> = value(&txn, sql, vec![owner.clone().into()]).await?;
    if kind == "account" && role.as_deref() != Some("member") && action != "keep" {
        let sql = "SELECT 1 AS yes FROM account WHERE id = $1 AND role = 'admin'";
        if one(&txn, sql, vec![moderator.into()]).await?.is_none() {
            return Err(Refusal::forbidden("Only another admin decides about moderators."));
        }
    }
    let before = apply(&txn, kind, target, action, reason).await?;
    let id = uuid::Uuid::now_v7().to_string();
    let sql = "INSERT INTO decision (id, target_kind, target, owner, moderator, action, reason, before_state, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = vec![
        id.clone().into(),
        kind.into(),
        target.into(),
        owner.clone().into(),
        moderator.into(),
        action.into(),
        reason.into(),
        before.into(),
        now_ms().into(),
    ];
    execute(&txn, sql, values).await?;
    let sql = "UPDATE report SET state = 'closed' WHERE target_kind = $1 AND target = $2 AND state = 'open'";
    execute(&txn, sql, vec![kind.into(), target.into()]).await?;
    if action != "keep" {
        let text = format!("{}. Why: {reason}", said(kind, action));
        let notice = Notice {
            account: &owner,
            kind: "decision",
            by: None,
            work: (kind == "work").then_some(target),
            text: &text,
            reference: Some(format!("decision:{id}")),
        };
        notices::tell(&txn, &notice).await?;
    }
    audit::write(&txn, moderator, &format!("decide.{action}"), &format!("{kind}:{target}"), reason)
        .await?;
    txn.commit().await?;
    Ok(())
}

/// Does what was decided; the state before, as [`put_back`] reads it.
async fn apply(
    txn: &impl ConnectionTrait,
    kind: &str,
    target: &str,
    action: &str,
    reason: &str,
) -> Result<String, Refusal> {
    let before = state_of(txn, kind, target).await?;
    let wanted = match (kind, action) {
        ("work", "unpublish") => "held".to_owned(),
        ("work" | "comment", "remove") => "removed".to_owned(),
        ("work" | "comment", "restore") => "shown".to_owned(),
        // The words change, the state does not.
        ("work", "label") => before.clone(),
        ("account", "freeze") => "frozen".to_owned(),
        ("account", "limit") => "limited".to_owned(),
        ("account", "suspend") => format!("suspended@{}", now_ms() + SUSPENSION_MS),
        ("account", "restore") => "active".to_owned(),
        _ => return Ok(before),
    };
    put_back(txn, kind, target, &wanted, if action == "restore" { "" } else { reason }).await?;
    Ok(before)
}

/// The state of something; a suspension with its end behind an `@`.
async fn state_of(txn: &impl ConnectionTrait, kind: &str, target: &str) -> Result<String, DbErr> {
    let sql = match kind {
        "work" => "SELECT state FROM work WHERE id = $1",
        "comment" => "SELECT state FROM comment WHERE id = $1",
        _ => {
            "SELECT CASE state WHEN 'suspended' THEN state || '@' || COALESCE(state_until_ms, 0) ELSE state END FROM account WHERE id = $1"
        }
    };
    Ok(value(txn, sql, vec![target.into()]).await?.unwrap_or_default())
}

/// Gives something a state, with whatever follows from it.
async fn put_back(
    txn: &impl ConnectionTrait,
    kind: &str,
    target: &str,
    state: &str,
    reason: &str,
) -> Result<(), Refusal> {
    match kind {
        "work" => {
            change::lock(txn, target).await?;
            let sql = "UPDATE work SET state = $2, state_reason = $3, version = version + 1 WHERE id = $1 AND state <> 'deleted'";
            execute(txn, sql, vec![target.into(), state.into(), reason.into()]).await?;
            change::settle(txn, target).await
        }
        "comment" => {
            comments::set_state(txn, target, state).await?;
            Ok(())
        }
        _ => {
            let (word, until) = match state.split_once('@') {
                Some((word, until)) => (word, until.parse::<i64>().ok()),
                None => (state, None),
            };
            let sql = "UPDATE account SET state = $2, state_reason = $3, state_until_ms = $4 WHERE id = $1";
            execute(txn, sql, vec![target.into(), word.into(), reason.into(), until.into()])
                .await?;
            if word == "suspended" {
                session::end_all(txn, target).await?;
            }
            hang_again(txn, target).await
        }
    }
}

/// What was decided about somebody's things, newest first.
pub(crate) async fn of(db: &impl ConnectionTrait, owner: &str) -> Result<Vec<Decision>, DbErr> {
    let sql = "SELECT id, target_kind, target, action, reason, at_ms, appeal FROM decision WHERE owner = $1 AND action <> 'keep' ORDER BY at_ms DESC LIMIT 200";
    let mut found = Vec::new();
    for row in all(db, sql, vec![owner.into()]).await? {
        let at_ms: i64 = row.try_get("", "at_ms")?;
        found.push(Decision {
            id: row.try_get("", "id")?,
            target_kind: row.try_get("", "target_kind")?,
            target: row.try_get("", "target")?,
            action: row.try_get("", "action")?,
            reason: row.try_get("", "reason")?,
            at_ms,
            appeal: row.try_get("", "appeal")?,
            appeal_until_ms: at_ms + APPEAL_MS,
        });
    }
    Ok(found)
}

/// Appeals against a decision, once, in time.
pub(crate) async fn appeal(
    db: &impl ConnectionTrait,
    owner: &str,
    decision: &str,
    text: &str,
) -> Result<(), Refusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 2_000 {
        return Err(Refusal::validation("Say why in up to 2,000 characters."));
    }
    let sql = "UPDATE decision SET appeal = 'open', appeal_text = $3 WHERE id = $1 AND owner = $2 AND appeal = 'none' AND at_ms > $4 AND action NOT IN ('keep', 'restore')";
    let values = vec![decision.into(), owner.into(), text.into(), (now_ms() - APPEAL_MS).into()];
    if execute(db, sql, values).await? == 0 {
        return Err(Refusal::new(
            axum::http::StatusCode::CONFLICT,
            "no_appeal",
            "This decision cannot be appealed against: it was before, or it is older than 20 days.",
        ));
    }
    Ok(())
}

/// Lets those back whose suspension is over; their works hang again.
pub(crate) async fn let_back(db: &DatabaseConnection) -> Result<(), DbErr> {
    let sql = "SELECT id FROM account WHERE state = 'suspended' AND state_until_ms < $1 LIMIT 20";
    for row in all(db, sql, vec![now_ms().into()]).await? {
        let id: String = row.try_get("", "id")?;
        let txn = db.begin_with_options(immediate()).await?;
        let sql = "UPDATE account SET state_until_ms = NULL WHERE id = $1 AND state = 'suspended' AND state_until_ms < $2";
        if execute(&txn, sql, vec![id.clone().into(), now_ms().into()]).await? == 1 {
            // What was decided before it holds on.
            let sql = "SELECT before_state FROM decision WHERE target_kind = 'account' AND target = $1 AND action = 'suspend' AND lifted = 0 AND before_state NOT LIKE 'suspended%' ORDER BY at_ms DESC, id DESC LIMIT 1";
            let before: Option<String> = value(&txn, sql, vec![id.clone().into()]).await?;
            let before = before.filter(|state| matches!(state.as_str(), "frozen" | "limited"));
            let state = before.as_deref().unwrap_or("active");
            let back = put_back(&txn, "account", &id, state, "").await;
            back.map_err(|r| DbErr::Custom(r.sentence().to_owned()))?;
        }
        txn.commit().await?;
    }
    Ok(())
}

/// What hangs comes down, and comes back, with its author.
async fn hang_again(txn: &impl ConnectionTrait, account: &str) -> Result<(), Refusal> {
    let sql = "SELECT id FROM work WHERE author = $1 AND visibility = 'public' AND state = 'shown'";
    for row in all(txn, sql, vec![account.into()]).await? {
        change::settle(txn, &row.try_get::<String>("", "id")?).await?;
    }
    Ok(())
}

/// Whether a decision is about somebody, not about a thing of theirs.
pub(crate) async fn is_about_account(
    db: &impl ConnectionTrait,
    decision: &str,
) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS yes FROM decision WHERE id = $1 AND target_kind = 'account'";
    Ok(one(db, sql, vec![decision.into()]).await?.is_some())
}

/// Ends an appeal: another person than the one who decided looks at it.
pub(crate) async fn end_appeal(
    db: &DatabaseConnection,
    moderator: &str,
    decision: &str,
    overturned: bool,
    reason: &str,
) -> Result<(), Refusal> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > 2_000 {
        return Err(Refusal::validation("Say why in up to 2,000 characters."));
    }
    let txn = db.begin_with_options(immediate()).await?;
    let word = if overturned { "overturned" } else { "upheld" };
    // Whoever marks it ends it; both or neither with what follows.
    let sql = "UPDATE decision SET appeal = $2, appeal_by = $3, lifted = $4 WHERE id = $1 AND appeal = 'open' RETURNING target_kind, target, owner, moderator, before_state, at_ms";
    let values = vec![decision.into(), word.into(), moderator.into(), i64::from(overturned).into()];
    let row = one(&txn, sql, values).await?.ok_or_else(|| Refusal::not_found("open appeal"))?;
    let owner: String = row.try_get("", "owner")?;
    if row.try_get::<String>("", "moderator")? == moderator {
        return Err(Refusal::forbidden("Somebody else looks at an appeal against your decision."));
    }
    if owner == moderator {
        return Err(Refusal::forbidden("Somebody else looks at your own appeal."));
    }
    let (kind, target): (String, String) =
        (row.try_get("", "target_kind")?, row.try_get("", "target")?);
    if overturned {
        let before: String = row.try_get("", "before_state")?;
        lift(&txn, decision, &kind, &target, &before, row.try_get("", "at_ms")?).await?;
    }
    let text = format!("appeal {word}: {reason}");
    let notice = Notice {
        account: &owner,
        kind: "decision",
        by: None,
        work: (kind == "work").then_some(target.as_str()),
        text: &text,
        reference: Some(format!("appeal:{decision}")),
    };
    notices::tell(&txn, &notice).await?;
    let about = format!("{kind}:{target}");
    audit::write(&txn, moderator, &format!("appeal.{word}"), &about, reason).await?;
    txn.commit().await?;
    Ok(())
}

/// Takes one decision out of those about a thing: what came before it holds again, unless a later one
/// holds, which then stands on what was before.
async fn lift(
    txn: &impl ConnectionTrait,
    decision: &str,
    kind: &str,
    target: &str,
    before: &str,
    at_ms: i64,
) -> Result<(), Refusal> {
    let sql = "SELECT id FROM decision WHERE target_kind = $1 AND target = $2 AND lifted = 0 AND action <> 'keep' AND (at_ms > $3 OR (at_ms = $3 AND id > $4)) ORDER BY at_ms, id LIMIT 1";
    let values = vec![kind.into(), target.into(), at_ms.into(), decision.into()];
    match value::<String>(txn, sql, values).await? {
        Some(later) => {
            let sql = "UPDATE decision SET before_state = $2 WHERE id = $1";
            execute(txn, sql, vec![later.into(), before.into()]).await?;
            Ok(())
        }
        // Deleted meanwhile: nothing comes back.
        None if owner_of(txn, kind, target).await?.is_none() => Ok(()),
        None => put_back(txn, kind, target, before, "").await,
    }
}
