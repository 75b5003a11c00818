//! What the law gives people: everything that is kept of them, in a file, and that it goes when they
//! go. The ledger stays, under an id that leads to nobody.

pub(crate) mod export;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use crate::accounts::GRACE_DAYS;
use crate::assets;
use crate::auth::session;
use crate::db::{all, execute, immediate, now_ms, one};
use crate::error::Refusal;
use crate::payments::subscription;
use crate::search;
use crate::state::AppState;
use crate::works::change;

/// The wish to go.
pub(crate) async fn leave(
    db: &DatabaseConnection,
    account: &str,
    keeps_works: bool,
) -> Result<(), DbErr> {
    let at = now_ms() + GRACE_DAYS * 86_400_000;
    let sql = "UPDATE account SET leaves_at_ms = $2, keeps_works = $3 WHERE id = $1";
    execute(db, sql, vec![account.into(), at.into(), i64::from(keeps_works).into()]).await?;
    Ok(())
}

/// Lets those go whose time has come.
pub(crate) async fn leave_due(state: &AppState) -> Result<(), DbErr> {
    let sql =
        "SELECT id, keeps_works FROM account WHERE leaves_at_ms < $1 AND state <> 'gone' LIMIT 20";
    for row in all(&state.db, sql, vec![now_ms().into()]).await? {
        let id: String = row.try_get("", "id")?;
        let keeps: i64 = row.try_get("", "keeps_works")?;
        if let Err(refusal) = go(state, &id, keeps != 0).await {
            tracing::error!(account.id = %id, "account {id} could not be removed: {}", refusal.sentence());
        }
    }
    Ok(())
}

async fn go(state: &AppState, id: &str, keeps_works: bool) -> Result<(), Refusal> {
    let sql = "SELECT 1 AS yes FROM account WHERE id = $1 AND leaves_at_ms < $2";
    if one(&state.db, sql, vec![id.into(), now_ms().into()]).await?.is_none() {
        return Ok(());
    }
    // Whoever is gone pays no more; where that cannot be said now, they go later.
    subscription::end(state, id).await?;
    let txn = state.db.begin_with_options(immediate()).await?;
    // Of several processes one does it, and nobody goes who chose to stay meanwhile.
    let sql = "UPDATE account SET leaves_at_ms = NULL WHERE id = $1 AND leaves_at_ms < $2";
    if execute(&txn, sql, vec![id.into(), now_ms().into()]).await? == 0 {
        txn.rollback().await?;
        return Ok(());
    }
    let mut media = Vec::new();
    // What hangs may stay under no name; what was never public goes in any case.
    let sql = if keeps_works {
        "SELECT id FROM work WHERE author = $1 AND state <> 'deleted' AND on_wall = 0"
    } else {
        "SELECT id FROM work WHERE author = $1 AND state <> 'deleted'"
    };
    for row in all(&txn, sql, vec![id.into()]).await? {
        media.extend(change::remove(&txn, &row.try_get::<String>("", "id")?).await?);
    }
    erase(&txn, id, keeps_works).await?;
    let sql = "SELECT id FROM work WHERE author = $1 AND on_wall = 1";
    for row in all(&txn, sql, vec![id.into()]).await? {
        change::reindex(&txn, &row.try_get::<String>("", "id")?).await?;
    }
    txn.commit().await?;
    assets::drop_soon(state, media).await;
    Ok(())
}

/// What names a person goes; counters of others stay right.
async fn erase(txn: &impl ConnectionTrait, id: &str, keeps_works: bool) -> Result<(), DbErr> {
    for sql in [
        "UPDATE work SET likes = likes - 1 WHERE id IN (SELECT work FROM work_like WHERE account = $1)",
        "DELETE FROM work_like WHERE account = $1",
        "UPDATE work SET votes_up = votes_up - 1 WHERE id IN (SELECT work FROM work_vote WHERE account = $1 AND value = 1)",
        "UPDATE work SET votes_down = votes_down - 1 WHERE id IN (SELECT work FROM work_vote WHERE account = $1 AND value = -1)",
        "DELETE FROM work_vote WHERE account = $1",
        "UPDATE work SET comments = comments - (SELECT COUNT(*) FROM comment c WHERE c.work = work.id AND c.author = $1 AND c.state = 'shown') WHERE id IN (SELECT work FROM comment WHERE author = $1)",
        "UPDATE comment SET state = 'deleted', text = '' WHERE author = $1",
        "UPDATE account SET following = following - 1 WHERE id IN (SELECT follower FROM follow WHERE followed = $1)",
        "UPDATE account SET followers = followers - 1 WHERE id IN (SELECT followed FROM follow WHERE follower = $1)",
        "DELETE FROM follow WHERE follower = $1 OR followed = $1",
        "DELETE FROM notification WHERE account = $1 OR by_account = $1",
        "DELETE FROM webhook_delivery WHERE endpoint IN (SELECT id FROM webhook_endpoint WHERE account = $1)",
        "DELETE FROM webhook_endpoint WHERE account = $1",
        "DELETE FROM letter_token WHERE account = $1",
        "UPDATE api_key SET revoked = 1, name = '' WHERE account = $1",
        // What their jobs made goes, unless somebody else needs it.
        "INSERT INTO blob_drop (hash, at_ms) SELECT DISTINCT m.hash, 0 FROM job_medium m JOIN job j ON j.id = m.job WHERE j.owner = $1 AND j.status IN ('succeeded', 'failed', 'canceled', 'expired') ON CONFLICT (hash) DO UPDATE SET again = CASE WHEN blob_drop.dropping = 1 THEN 1 ELSE 0 END",
        "DELETE FROM job_medium WHERE job IN (SELECT id FROM job WHERE owner = $1 AND status IN ('succeeded', 'failed', 'canceled', 'expired'))",
        "UPDATE job SET request = '{}', result = NULL WHERE owner = $1 AND status IN ('succeeded', 'failed', 'canceled', 'expired')",
    ] {
        execute(txn, sql, vec![id.into()]).await?;
    }
    session::end_all(txn, id).await?;
    search::forget_account(txn, id).await?;
    // Works that stay hang under no name; those of others who are gone came down before.
    let state = if keeps_works { "active" } else { "gone" };
    let sql = "UPDATE account SET handle = $2, name = '', bio = '', email = $3, password = '', totp = NULL, state = $4, following = 0, followers = 0, leaves_at_ms = NULL, role = 'member' WHERE id = $1";
    let gone = format!("gone_{}", &blake3::hash(id.as_bytes()).to_hex()[..16]);
    let values =
        vec![id.into(), gone.clone().into(), format!("{gone}@invalid").into(), state.into()];
    execute(txn, sql, values).await?;
    Ok(())
}
