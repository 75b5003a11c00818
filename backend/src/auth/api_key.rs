//! Keys for programs: `oto_<id>_<secret>`, told once, kept as a hash.

use oto_api_types::{ApiKey, NewApiKey};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryResult};

use crate::BackendError;
use crate::auth::me::SCOPES;
use crate::auth::random;
use crate::db::{all, execute, now_ms, one};
use crate::error::Refusal;

/// Most keys of one person.
const MOST: i64 = 50;

/// A key that fits.
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) scopes: Vec<String>,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The sentence when a key cannot be made like this.
fn refusal(new: &NewApiKey) -> Option<String> {
    let n = new.name.trim().chars().count();
    if n == 0 || n > 80 {
        return Some("A key needs a name of up to 80 characters.".to_owned());
    }
    if new.scopes.is_empty() {
        return Some(format!("A key needs at least one scope: {}.", SCOPES.join(", ")));
    }
    if let Some(other) = new.scopes.iter().find(|s| !SCOPES.contains(&s.as_str())) {
        let other: String = other.chars().take(40).collect();
        return Some(format!("There is no scope “{other}”; there are {}.", SCOPES.join(", ")));
    }
    if [new.day_limit_micro, new.month_limit_micro].into_iter().flatten().any(|n| n < 0) {
        return Some("A limit is no less than nothing.".to_owned());
    }
    if new.expires_at_ms.is_some_and(|at| at <= now_ms()) {
        return Some("A key ends later than now.".to_owned());
    }
    None
}

/// Makes a key; the answer is the only one that has its secret.
async fn make(
    db: &impl ConnectionTrait,
    account: &str,
    new: &NewApiKey,
) -> Result<ApiKey, BackendError> {
    // Twelve digits name it; the secret has all 256 bits.
    let id = random::secret()?[..12].to_owned();
    let secret = format!("oto_{id}_{}", random::secret()?);
    let now = now_ms();
    let scopes: Vec<String> = SCOPES
        .iter()
        .filter(|s| new.scopes.iter().any(|n| n == *s))
        .map(|s| (*s).to_owned())
        .collect();
    execute(
        db,
        "INSERT INTO api_key (id, account, name, hash, scopes, day_limit, month_limit, expires_at_ms, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        vec![
            id.clone().into(),
            account.into(),
            new.name.trim().into(),
            random::hash(&secret).into(),
            scopes.join(" ").into(),
            new.day_limit_micro.into(),
            new.month_limit_micro.into(),
            new.expires_at_ms.into(),
            now.into(),
        ],
    )
    .await?;
    Ok(ApiKey {
        id,
        name: new.name.trim().to_owned(),
        scopes,
        day_limit_micro: new.day_limit_micro,
        month_limit_micro: new.month_limit_micro,
        expires_at_ms: new.expires_at_ms,
        last_used_at_ms: None,
        created_at_ms: now,
        secret: Some(secret),
    })
}

fn read(row: &QueryResult) -> Result<ApiKey, DbErr> {
    Ok(ApiKey {
        id: row.try_get("", "id")?,
        name: row.try_get("", "name")?,
        scopes: words(&row.try_get::<String>("", "scopes")?),
        day_limit_micro: row.try_get("", "day_limit")?,
        month_limit_micro: row.try_get("", "month_limit")?,
        expires_at_ms: row.try_get("", "expires_at_ms")?,
        last_used_at_ms: row.try_get("", "last_used_at_ms")?,
        created_at_ms: row.try_get("", "created_at_ms")?,
        secret: None,
    })
}

/// Makes a key when it may be made; its secret is told this once.
pub(crate) async fn make_checked(
    db: &DatabaseConnection,
    account: &str,
    new: &NewApiKey,
) -> Result<ApiKey, Refusal> {
    if let Some(sentence) = refusal(new) {
        return Err(Refusal::validation(sentence));
    }
    if of(db, account).await?.len() as i64 >= MOST {
        return Err(Refusal::validation("You have 50 keys; end one that is not used any more."));
    }
    Ok(make(db, account, new).await?)
}

/// The keys of a person.
pub(crate) async fn of(db: &impl ConnectionTrait, account: &str) -> Result<Vec<ApiKey>, DbErr> {
    let sql = "SELECT id, name, scopes, day_limit, month_limit, expires_at_ms, last_used_at_ms, created_at_ms FROM api_key WHERE account = $1 AND revoked = 0 ORDER BY created_at_ms DESC, id";
    all(db, sql, vec![account.into()]).await?.iter().map(read).collect()
}

/// The limits of a key, for a day and for thirty days.
pub(crate) async fn limits(db: &impl ConnectionTrait, id: &str) -> Result<[Option<i64>; 2], DbErr> {
    let row = one(db, "SELECT day_limit, month_limit FROM api_key WHERE id = $1", vec![id.into()])
        .await?;
    row.map_or(Ok([None, None]), |r| {
        Ok([r.try_get("", "day_limit")?, r.try_get("", "month_limit")?])
    })
}

/// Ends a key. False when there is none.
pub(crate) async fn revoke(
    db: &impl ConnectionTrait,
    account: &str,
    id: &str,
) -> Result<bool, DbErr> {
    let sql = "UPDATE api_key SET revoked = 1 WHERE id = $1 AND account = $2 AND revoked = 0";
    Ok(execute(db, sql, vec![id.into(), account.into()]).await? == 1)
}

/// The key that fits a secret, if it is still good.
pub(crate) async fn find(db: &DatabaseConnection, secret: &str) -> Result<Option<Found>, DbErr> {
    let Some(id) = secret.strip_prefix("oto_").and_then(|s| s.get(..12)) else { return Ok(None) };
    let sql = "SELECT account, hash, scopes, expires_at_ms, last_used_at_ms FROM api_key WHERE id = $1 AND revoked = 0";
    let Some(row) = one(db, sql, vec![id.into()]).await? else { return Ok(None) };
    let now = now_ms();
    let expires: Option<i64> = row.try_get("", "expires_at_ms")?;
    let hash: String = row.try_get("", "hash")?;
    if !random::same(&hash, &random::hash(secret)) || expires.is_some_and(|at| at <= now) {
        return Ok(None);
    }
    // Written at most once a minute: a busy key would else be one hot row.
    let used: Option<i64> = row.try_get("", "last_used_at_ms")?;
    if used.is_none_or(|at| at < now - 60_000) {
        let sql = "UPDATE api_key SET last_used_at_ms = $2 WHERE id = $1";
        execute(db, sql, vec![id.into(), now.into()]).await?;
    }
    Ok(Some(Found {
        id: id.to_owned(),
        account: row.try_get("", "account")?,
        scopes: words(&row.try_get::<String>("", "scopes")?),
    }))
}
