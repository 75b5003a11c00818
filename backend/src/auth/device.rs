//! The device flow (RFC 8628): the desk shows a code, the person types it on a page where they are
//! signed in, the desk gets its tokens, once.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use crate::BackendError;
use crate::auth::{random, session};
use crate::db::{execute, immediate, is_taken, now_ms, one};

/// Seconds a code can be typed.
pub(crate) const LIFE_S: i64 = 600;
/// Seconds between two questions, to begin with.
pub(crate) const INTERVAL_S: i64 = 5;

/// Answer to a question for tokens.
pub(crate) enum Answer {
    /// Nobody decided yet.
    Pending,
    /// It was asked too soon; from now on five seconds later.
    SlowDown,
    /// The person said no.
    Denied,
    /// The code is old, used or none of ours.
    Expired,
    /// The account, the family and its first refresh token.
    Granted { account: String, family: String, token: String },
}

/// A new code: the secret of the program and what the person types.
pub(crate) async fn begin(
    db: &impl ConnectionTrait,
    client: &str,
) -> Result<(String, String), BackendError> {
    let client: String = client.chars().filter(|c| !c.is_control()).take(80).collect();
    let now = now_ms();
    loop {
        let (secret, code) = (random::secret()?, random::user_code()?);
        let sql = "INSERT INTO device_code (hash, user_code, client, state, interval_s, asked_at_ms, expires_at_ms) VALUES ($1, $2, $3, 'pending', $4, 0, $5)";
        let values = vec![
            random::hash(&secret).into(),
            code.clone().into(),
            client.clone().into(),
            INTERVAL_S.into(),
            (now + LIFE_S * 1000).into(),
        ];
        match execute(db, sql, values).await {
            Ok(_) => return Ok((secret, code)),
            // The same eight letters as another open code: once in ages.
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A code as it was typed, as it is kept.
pub(crate) fn tidy(typed: &str) -> String {
    let letters: String =
        typed.chars().filter(char::is_ascii_alphabetic).take(8).collect::<String>().to_uppercase();
    match letters.split_at_checked(4) {
        Some((a, b)) => format!("{a}-{b}"),
        None => letters,
    }
}

/// What asks with an open code.
pub(crate) async fn client_of(
    db: &impl ConnectionTrait,
    code: &str,
) -> Result<Option<String>, DbErr> {
    let sql = "SELECT client FROM device_code WHERE user_code = $1 AND state = 'pending' AND expires_at_ms > $2";
    let row = one(db, sql, vec![tidy(code).into(), now_ms().into()]).await?;
    row.map(|r| r.try_get("", "client")).transpose()
}

/// Lets a program in, or not. False when there is no such open code.
pub(crate) async fn decide(
    db: &impl ConnectionTrait,
    account: &str,
    code: &str,
    allow: bool,
) -> Result<bool, DbErr> {
    let state = if allow { "allowed" } else { "denied" };
    let sql = "UPDATE device_code SET state = $2, account = $3 WHERE user_code = $1 AND state = 'pending' AND expires_at_ms > $4";
    let values = vec![tidy(code).into(), state.into(), account.into(), now_ms().into()];
    Ok(execute(db, sql, values).await? == 1)
}

/// Asks for tokens with the secret of the program.
pub(crate) async fn ask(db: &DatabaseConnection, secret: &str) -> Result<Answer, BackendError> {
    let (hash, now) = (random::hash(secret), now_ms());
    let txn = db.begin_with_options(immediate()).await?;
    // Whoever ends all sign-ins of this person comes before or after.
    let sql = "UPDATE account SET handle = handle WHERE id IN (SELECT account FROM device_code WHERE hash = $1)";
    execute(&txn, sql, vec![hash.clone().into()]).await?;
    // One redemption: the row is changed before it is believed.
    let sql = "UPDATE device_code SET state = 'used' WHERE hash = $1 AND state = 'allowed' AND expires_at_ms > $2";
    let granted = execute(&txn, sql, vec![hash.clone().into(), now.into()]).await? == 1;
    let sql = "SELECT account, client, state, interval_s, asked_at_ms, expires_at_ms FROM device_code WHERE hash = $1";
    let Some(row) = one(&txn, sql, vec![hash.clone().into()]).await? else {
        txn.rollback().await?;
        return Ok(Answer::Expired);
    };
    if granted {
        let account: String = row.try_get("", "account")?;
        let client: String = row.try_get("", "client")?;
        let (family, token) = session::begin(&txn, &account, &client).await?;
        txn.commit().await?;
        return Ok(Answer::Granted { account, family, token });
    }
    let state: String = row.try_get("", "state")?;
    let expires: i64 = row.try_get("", "expires_at_ms")?;
    let asked: i64 = row.try_get("", "asked_at_ms")?;
    let interval: i64 = row.try_get("", "interval_s")?;
    let answer = match state.as_str() {
        "denied" => Answer::Denied,
        "pending" if expires > now => {
            // A second of grace for networks.
            let too_soon = now < asked + interval * 1000 - 1000;
            let interval = if too_soon { interval + 5 } else { interval };
            let sql = "UPDATE device_code SET asked_at_ms = $2, interval_s = $3 WHERE hash = $1";
            execute(&txn, sql, vec![hash.into(), now.into(), interval.into()]).await?;
            if too_soon { Answer::SlowDown } else { Answer::Pending }
        }
        _ => Answer::Expired,
    };
    txn.commit().await?;
    Ok(answer)
}
