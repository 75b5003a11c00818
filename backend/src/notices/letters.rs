//! Notices that leave as letters: at once what nobody may miss, once a day the rest for those who
//! want it.

use sea_orm::{DbErr, QueryResult};

use crate::auth::letter_token;
use crate::db::{all, execute, now_ms, value};
use crate::moderation;
use crate::server::Server;
use crate::state::AppState;

/// Between two digests.
const DAY_MS: i64 = 86_400_000;
/// Before a letter is tried again, twice as long each time.
const FIRST_MS: i64 = 60_000;
/// Tries of a letter after the first, over about two days.
const MOST_TRIES: i64 = 12;
/// Most lines of a digest.
const MOST_LINES: i64 = 20;
/// Most letters in one round.
const MOST: i64 = 50;

/// Sends the letters that are due. Of several processes the one that moves the time of the next try
/// sends; a letter that nobody took is tried again over two days, so that it may come twice. The notice
/// itself stays.
pub(crate) async fn send_due(state: &AppState) -> Result<(), DbErr> {
    let Some(server) = state.server.as_ref() else { return Ok(()) };
    let sql = "SELECT n.id, n.kind, n.text, n.reference, n.account, n.mail_at_ms, n.mail_tries, a.email FROM notification n JOIN account a ON a.id = n.account WHERE n.mailed = 0 AND n.mail_at_ms <= $1 ORDER BY n.mail_at_ms LIMIT $2";
    for row in all(&state.db, sql, vec![now_ms().into(), MOST.into()]).await? {
        let id: String = row.try_get("", "id")?;
        let (due, tries): (i64, i64) =
            (row.try_get("", "mail_at_ms")?, row.try_get("", "mail_tries")?);
        let sql = "UPDATE notification SET mail_at_ms = $3, mail_tries = mail_tries + 1 WHERE id = $1 AND mailed = 0 AND mail_at_ms = $2";
        let later = now_ms() + (FIRST_MS << tries.clamp(0, 10));
        let values = vec![id.clone().into(), due.into(), later.into()];
        if execute(&state.db, sql, values).await? == 0 {
            continue;
        }
        let (subject, text) = letter(state, server, &row).await?;
        let to: String = row.try_get("", "email")?;
        let mailed = match server.mailer.deliver(&to, subject, text).await {
            Ok(()) => 1i64,
            Err(error) => {
                if tries < MOST_TRIES {
                    tracing::warn!(notice.id = id, %error, "a letter could not be sent yet");
                    0
                } else {
                    tracing::error!(notice.id = id, %error, "a letter is given up");
                    2
                }
            }
        };
        let sql = "UPDATE notification SET mailed = $2 WHERE id = $1";
        execute(&state.db, sql, vec![id.into(), mailed.into()]).await?;
    }
    let before = now_ms() - DAY_MS;
    let sql = "SELECT id, email, handle, digest_at_ms FROM account WHERE digest = 1 AND digest_at_ms < $1 AND email_verified = 1 AND state NOT IN ('suspended', 'gone') ORDER BY digest_at_ms LIMIT $2";
    for row in all(&state.db, sql, vec![before.into(), MOST.into()]).await? {
        digest(state, server, &row).await?;
    }
    Ok(())
}

/// What a notice says as a letter; of a decision also how to object without signing in.
async fn letter(
    state: &AppState,
    server: &Server,
    row: &QueryResult,
) -> Result<(&'static str, String), DbErr> {
    let (kind, text): (String, String) = (row.try_get("", "kind")?, row.try_get("", "text")?);
    let end = format!("\n\n{}\n", server.config.public_url);
    let reference: Option<String> = row.try_get("", "reference")?;
    let decision = reference.as_deref().and_then(|r| r.strip_prefix("decision:"));
    Ok(match (kind.as_str(), decision) {
        ("decision", Some(decision)) if !text.starts_with(moderation::RESTORED) => {
            let account: String = row.try_get("", "account")?;
            let purpose = format!("appeal:{decision}");
            let token =
                letter_token::make(&state.db, &account, &purpose, moderation::APPEAL_MS).await?;
            let link = server.url(&format!("/appeal?token={token}"));
            (
                "A decision about what is yours on oTo",
                format!(
                    "A moderator decided about your account or something of yours:\n\n{text}\n\nYou can object once, within twenty days; somebody else looks at it then:\n\n{link}{end}"
                ),
            )
        }
        ("decision", _) => ("A decision about what is yours on oTo", format!("{text}{end}")),
        ("payment", _) => ("A payment on oTo", format!("{text}{end}")),
        _ => ("About your account on oTo", format!("{text}{end}")),
    })
}

/// What was not read since the last digest, if there is anything.
async fn digest(state: &AppState, server: &Server, row: &QueryResult) -> Result<(), DbErr> {
    let (id, last): (String, i64) = (row.try_get("", "id")?, row.try_get("", "digest_at_ms")?);
    let now = now_ms();
    let sql = "UPDATE account SET digest_at_ms = $2 WHERE id = $1 AND digest_at_ms = $3";
    if execute(&state.db, sql, vec![id.clone().into(), now.into(), last.into()]).await? == 0 {
        return Ok(());
    }
    let since = last.max(now - 7 * DAY_MS);
    let new = vec![id.clone().into(), since.into()];
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM notification WHERE account = $1 AND read = 0 AND at_ms > $2";
    let n: i64 = value(&state.db, sql, new.clone()).await?.unwrap_or(0);
    if n == 0 {
        return Ok(());
    }
    let sql = format!(
        "SELECT n.text, a.name FROM notification n LEFT JOIN account a ON a.id = n.by_account WHERE n.account = $1 AND n.read = 0 AND n.at_ms > $2 ORDER BY n.at_ms DESC, n.id DESC LIMIT {MOST_LINES}"
    );
    let mut lines = String::new();
    for row in all(&state.db, &sql, new).await? {
        let by: Option<String> = row.try_get("", "name")?;
        let text: String = row.try_get("", "text")?;
        lines.push_str(&format!("• {} {text}\n", by.unwrap_or_default()));
    }
    if n > MOST_LINES {
        lines.push_str(&format!("… and {} more\n", n - MOST_LINES));
    }
    let handle: String = row.try_get("", "handle")?;
    let subject = if n == 1 {
        "One thing happened on oTo".to_owned()
    } else {
        format!("{n} things happened on oTo")
    };
    let text = format!(
        "Hello @{handle},\n\n{lines}\n{}\n\nYou asked for this letter once a day; in oTo, under your notices, you can turn it off.\n",
        server.config.public_url
    );
    server.mailer.send(&row.try_get::<String>("", "email")?, &subject, text);
    Ok(())
}
