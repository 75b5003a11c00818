//! Refresh tokens: each is good for one use and names its successor. A second use means that
//! somebody else has it, and ends the whole family, except when the answer may just have been lost:
//! within half a minute, while the successor is unused.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use crate::BackendError;
use crate::auth::random;
use crate::db::{execute, immediate, now_ms, one};

/// How long a token waits to be used.
pub(crate) const LIFE_MS: i64 = 30 * 86_400_000;
/// How long a lost answer may be asked for again.
const GRACE_MS: i64 = 30_000;

/// What became of a refresh token.
pub(crate) enum Refreshed {
    /// The account, its family and the next token.
    Next { account: String, family: String, token: String },
    /// It is not good. The family was ended if it had been used before.
    Refused,
}

async fn add(
    db: &impl ConnectionTrait,
    account: &str,
    family: &str,
    client: &str,
) -> Result<String, BackendError> {
    let (token, now) = (random::secret()?, now_ms());
    let values = vec![
        random::hash(&token).into(),
        family.into(),
        account.into(),
        client.into(),
        now.into(),
        (now + LIFE_MS).into(),
    ];
    let sql = "INSERT INTO refresh_token (hash, family, account, client, created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6)";
    execute(db, sql, values).await?;
    Ok(token)
}

/// A new family for a sign-in: its name and first token.
pub(crate) async fn begin(
    db: &impl ConnectionTrait,
    account: &str,
    client: &str,
) -> Result<(String, String), BackendError> {
    let family = uuid::Uuid::now_v7().to_string();
    let token = add(db, account, &family, client).await?;
    Ok((family, token))
}

/// Uses a token.
pub(crate) async fn refresh(
    db: &DatabaseConnection,
    token: &str,
) -> Result<Refreshed, BackendError> {
    let (hash, now) = (random::hash(token), now_ms());
    let txn = db.begin_with_options(immediate()).await?;
    // Whose it is is locked before anything is read: of two at once, the second waits, then sees what
    // the first did; so does whoever ends a family or all of them.
    let sql = "UPDATE account SET handle = handle WHERE id IN (SELECT account FROM refresh_token WHERE hash = $1)";
    execute(&txn, sql, vec![hash.clone().into()]).await?;
    let sql = "UPDATE refresh_token SET used_at_ms = $2 WHERE hash = $1 AND used_at_ms IS NULL AND revoked = 0 AND expires_at_ms > $2";
    let is_first = execute(&txn, sql, vec![hash.clone().into(), now.into()]).await? == 1;
    let sql = "SELECT t.account, t.family, t.client, t.used_at_ms, t.successor, t.revoked, s.used_at_ms AS later FROM refresh_token t LEFT JOIN refresh_token s ON s.hash = t.successor WHERE t.hash = $1";
    let Some(row) = one(&txn, sql, vec![hash.clone().into()]).await? else {
        txn.rollback().await?;
        return Ok(Refreshed::Refused);
    };
    let account: String = row.try_get("", "account")?;
    let family: String = row.try_get("", "family")?;
    let client: String = row.try_get("", "client")?;
    if !is_first {
        let used: Option<i64> = row.try_get("", "used_at_ms")?;
        let successor: Option<String> = row.try_get("", "successor")?;
        let later: Option<i64> = row.try_get("", "later")?;
        let is_revoked = row.try_get::<i64>("", "revoked")? != 0;
        let was_lost = !is_revoked && used.is_some_and(|at| at > now - GRACE_MS) && later.is_none();
        let Some(old) = successor.filter(|_| was_lost) else {
            if used.is_some() {
                tracing::warn!(session.family = %family, "a refresh token was used twice; its family ended");
                end(&txn, &family).await?;
            }
            txn.commit().await?;
            return Ok(Refreshed::Refused);
        };
        // Only one of the two successors is ever good, and this is good once.
        let sql = "UPDATE refresh_token SET revoked = 1, used_at_ms = $2 WHERE hash = $1 AND used_at_ms IS NULL AND revoked = 0";
        if execute(&txn, sql, vec![old.into(), now.into()]).await? == 0 {
            end(&txn, &family).await?;
            txn.commit().await?;
            return Ok(Refreshed::Refused);
        }
    }
    let next = add(&txn, &account, &family, &client).await?;
    let sql = "UPDATE refresh_token SET successor = $2 WHERE hash = $1";
    execute(&txn, sql, vec![hash.into(), random::hash(&next).into()]).await?;
    txn.commit().await?;
    Ok(Refreshed::Next { account, family, token: next })
}

/// Ends a family.
pub(crate) async fn end(db: &impl ConnectionTrait, family: &str) -> Result<(), DbErr> {
    execute(db, "UPDATE refresh_token SET revoked = 1 WHERE family = $1", vec![family.into()])
        .await?;
    Ok(())
}

/// Ends the family a token belongs to.
pub(crate) async fn end_of(db: &DatabaseConnection, token: &str) -> Result<(), DbErr> {
    let hash = random::hash(token);
    let txn = db.begin_with_options(immediate()).await?;
    for sql in [
        // One that is being renewed comes before or after this.
        "UPDATE account SET handle = handle WHERE id IN (SELECT account FROM refresh_token WHERE hash = $1)",
        "UPDATE refresh_token SET revoked = 1 WHERE family IN (SELECT family FROM refresh_token WHERE hash = $1)",
    ] {
        execute(&txn, sql, vec![hash.clone().into()]).await?;
    }
    txn.commit().await
}

/// Ends everything by which somebody could act as a person who comes back: sign-ins, keys, letters
/// that are under way, web hooks.
pub(crate) async fn cut_off(db: &DatabaseConnection, account: &str) -> Result<(), DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    end_all(&txn, account).await?;
    for sql in [
        "UPDATE api_key SET revoked = 1 WHERE account = $1",
        "UPDATE letter_token SET used = 1 WHERE account = $1",
        "UPDATE webhook_endpoint SET state = 'off' WHERE account = $1",
    ] {
        execute(&txn, sql, vec![account.into()]).await?;
    }
    txn.commit().await
}

/// Ends every sign-in of a person, in programs and on pages.
pub(crate) async fn end_all(db: &impl ConnectionTrait, account: &str) -> Result<(), DbErr> {
    // A token that is being renewed comes before or after this, never between.
    let sql = "UPDATE account SET handle = handle WHERE id = $1";
    execute(db, sql, vec![account.into()]).await?;
    for sql in [
        "UPDATE refresh_token SET revoked = 1 WHERE account = $1",
        "DELETE FROM web_session WHERE account = $1",
        // A program that was let in and has not come yet.
        "UPDATE device_code SET state = 'denied' WHERE account = $1 AND state = 'allowed'",
    ] {
        execute(db, sql, vec![account.into()]).await?;
    }
    Ok(())
}
