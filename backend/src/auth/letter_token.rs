//! Tokens in letters: good once, for one purpose, for a time. Kept as hashes.

use sea_orm::{ConnectionTrait, DbErr};

use crate::auth::random;
use crate::db::{execute, now_ms, one};
use crate::error::Refusal;

/// A token for a letter to somebody.
pub(crate) async fn make(
    db: &impl ConnectionTrait,
    account: &str,
    purpose: &str,
    life_ms: i64,
) -> Result<String, DbErr> {
    let token = random::secret().map_err(|e| DbErr::Custom(e.to_string()))?;
    let sql =
        "INSERT INTO letter_token (hash, account, purpose, expires_at_ms) VALUES ($1, $2, $3, $4)";
    let values = vec![
        random::hash(&token).into(),
        account.into(),
        purpose.into(),
        (now_ms() + life_ms).into(),
    ];
    execute(db, sql, values).await?;
    Ok(token)
}

/// Uses a token up. Whose it is, and what it is for; `purpose` is the beginning of that.
pub(crate) async fn take(
    db: &impl ConnectionTrait,
    token: &str,
    purpose: &str,
) -> Result<(String, String), Refusal> {
    let wrong = || Refusal::validation("This link was used or is too old; ask for a new letter.");
    let sql = "UPDATE letter_token SET used = 1 WHERE hash = $1 AND purpose LIKE $2 || '%' AND used = 0 AND expires_at_ms > $3 RETURNING account, purpose";
    let values = vec![random::hash(token).into(), purpose.into(), now_ms().into()];
    let row = one(db, sql, values).await?.ok_or_else(wrong)?;
    Ok((row.try_get("", "account")?, row.try_get("", "purpose")?))
}
