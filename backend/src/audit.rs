//! What moderators and admins did: rows that are only added, each with a hash of itself and the one
//! before, so that one that is changed or taken out is found.

use sea_orm::{ConnectionTrait, DbErr};

use crate::db::{all, execute, is_postgres, now_ms, one};

/// Names the lock under which rows are added.
const LOCK: i64 = 0x6f54_6f04;

fn hash(before: &str, n: i64, at_ms: i64, parts: [&str; 4]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before.as_bytes());
    hasher.update(&n.to_le_bytes());
    hasher.update(&at_ms.to_le_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Adds a row, in the transaction of what it tells of.
pub(crate) async fn write(
    txn: &impl ConnectionTrait,
    actor: &str,
    action: &str,
    target: &str,
    detail: &str,
) -> Result<(), DbErr> {
    if is_postgres(txn) {
        execute(txn, "SELECT pg_advisory_xact_lock($1)", vec![LOCK.into()]).await?;
    }
    let last = one(txn, "SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1", vec![]).await?;
    let (n, before): (i64, String) = match last {
        Some(row) => (row.try_get::<i64>("", "n")? + 1, row.try_get("", "hash")?),
        None => (1, String::new()),
    };
    let (at, detail) = (now_ms(), detail.replace('\0', ""));
    let hash = hash(&before, n, at, [actor, action, target, &detail]);
    let sql = "INSERT INTO audit (n, at_ms, actor, action, target, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = vec![
        n.into(),
        at.into(),
        actor.into(),
        action.into(),
        target.into(),
        detail.into(),
        hash.into(),
    ];
    execute(txn, sql, values).await?;
    Ok(())
}

/// The first row that is not as it was written, if there is one.
pub(crate) async fn first_broken(db: &impl ConnectionTrait) -> Result<Option<i64>, DbErr> {
    let sql = "SELECT n, at_ms, actor, action, target, detail, hash FROM audit ORDER BY n";
    let mut before = String::new();
    for (i, row) in all(db, sql, vec![]).await?.iter().enumerate() {
        let n: i64 = row.try_get("", "n")?;
        let text = |name: &str| row.try_get::<String>("", name);
        let (actor, action, target, detail) =
            (text("actor")?, text("action")?, text("target")?, text("detail")?);
        let found = text("hash")?;
        let at = row.try_get("", "at_ms")?;
        if n != i as i64 + 1 || found != hash(&before, n, at, [&actor, &action, &target, &detail]) {
            return Ok(Some(n));
        }
        before = found;
    }
    Ok(None)
}
