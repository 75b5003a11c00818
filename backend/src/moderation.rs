//! Reports, decisions and appeals. Reports alone never take anything down, however many there are:
//! they bring it before a person. Every decision has a reason its owner can read, can be undone, and
//! can be appealed against once, to somebody else.

use oto_api_types::{Decision, NewReport, Report};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use crate::auth::session;
use crate::db::{all, execute, immediate, now_ms, one};
use crate::error::Refusal;
use crate::notices::{self, Notice};
use crate::works::{change, comments};
use crate::{audit, works};

/// Why something can be reported.
pub(crate) const REASONS: [&str; 7] =
    ["spam", "abuse", "sexual", "violence", "copyright", "privacy", "other"];
/// How long a decision can be appealed against.
const APPEAL_MS: i64 = 20 * 86_400_000;
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
    if owner_of(db, &new.target_kind, &new.target).await?.is_none() {
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
    let role: Option<String> = crate::db::value(&txn, sql, vec![owner.clone().into()]).await?;
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
        let text = format!("{action}: {reason}");
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

/// Does what was decided; the state before.
async fn apply(
    txn: &impl ConnectionTrait,
    kind: &str,
    target: &str,
    action: &str,
    reason: &str,
) -> Result<String, Refusal> {
    match kind {
        "work" => {
            let row = works::find(txn, target).await?.ok_or_else(|| Refusal::not_found("work"))?;
            let state = match action {
                "unpublish" => "held",
                "remove" => "removed",
                "restore" => "shown",
                _ => row.state.as_str(),
            };
            let reason = if action == "restore" { "" } else { reason };
            if action != "keep" {
                let sql = "UPDATE work SET state = $2, state_reason = $3, version = version + 1 WHERE id = $1";
                execute(txn, sql, vec![target.into(), state.into(), reason.into()]).await?;
            }
            change::settle(txn, target).await?;
            Ok(row.state)
        }
        "comment" => {
            let state = match action {
                "remove" => "removed",
                "restore" => "shown",
                _ => return Ok("shown".to_owned()),
            };
            let changed = comments::set_state(txn, target, state).await?;
            let other = if state == "shown" { "removed" } else { "shown" };
            Ok(if changed { other } else { state }.to_owned())
        }
        _ => {
            let sql = "SELECT state FROM account WHERE id = $1";
            let before: Option<String> = crate::db::value(txn, sql, vec![target.into()]).await?;
            let before = before.unwrap_or_default();
            let (state, until) = match action {
                "freeze" => ("frozen", None),
                "limit" => ("limited", None),
                "suspend" => ("suspended", Some(now_ms() + SUSPENSION_MS)),
                "restore" => ("active", None),
                _ => return Ok(before),
            };
            let reason = if action == "restore" { "" } else { reason };
            let sql = "UPDATE account SET state = $2, state_reason = $3, state_until_ms = $4 WHERE id = $1";
            execute(txn, sql, vec![target.into(), state.into(), reason.into(), until.into()])
                .await?;
            if state == "suspended" {
                session::end_all(txn, target).await?;
            }
            hang_again(txn, target).await?;
            Ok(before)
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
        let sql = "UPDATE account SET state = 'active', state_until_ms = NULL WHERE id = $1 AND state = 'suspended' AND state_until_ms < $2";
        if execute(&txn, sql, vec![id.clone().into(), now_ms().into()]).await? == 1 {
            hang_again(&txn, &id).await.map_err(|r| DbErr::Custom(r.sentence().to_owned()))?;
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
    let sql = "SELECT target_kind, target, owner, moderator FROM decision WHERE id = $1 AND appeal = 'open'";
    let row = one(db, sql, vec![decision.into()])
        .await?
        .ok_or_else(|| Refusal::not_found("open appeal"))?;
    if row.try_get::<String>("", "moderator")? == moderator {
        return Err(Refusal::forbidden("Somebody else looks at an appeal against your decision."));
    }
    if row.try_get::<String>("", "owner")? == moderator {
        return Err(Refusal::forbidden("Somebody else looks at your own appeal."));
    }
    // What is lifted is lifted before the appeal counts as ended; twice changes nothing more.
    if overturned {
        let (kind, target): (String, String) =
            (row.try_get("", "target_kind")?, row.try_get("", "target")?);
        decide(db, moderator, &kind, &target, "restore", reason).await?;
    }
    let word = if overturned { "overturned" } else { "upheld" };
    let sql = "UPDATE decision SET appeal = $2, appeal_by = $3 WHERE id = $1 AND appeal = 'open'";
    if execute(db, sql, vec![decision.into(), word.into(), moderator.into()]).await? == 0 {
        return Err(Refusal::not_found("open appeal"));
    }
    Ok(())
}
