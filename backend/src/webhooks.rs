//! Webhooks to others' servers (standard-webhooks.com): thin bodies, signed, tried again over days.
//! Addresses are checked after their names are resolved, at every try.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::json;
use tokio::task::{self, JoinSet};
use url::Url;

use crate::BackendError;
use crate::auth::random;
use crate::config::Config;
use crate::db::{all, execute, now_ms};
use crate::notices::{self, Notice};
use crate::state::AppState;

/// What can be told.
pub(crate) const KINDS: [&str; 8] = [
    "job.succeeded",
    "job.failed",
    "job.canceled",
    "job.expired",
    "work.published",
    "work.removed",
    "comment.created",
    "wallet.credited",
];
/// Seconds between one try and the next.
const WAITS_S: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// An endpoint that fails for so long is turned off.
const FAILING_MS: i64 = 5 * 86_400_000;
/// A secret that was replaced signs beside the new one for so long.
pub(crate) const OVERLAP_MS: i64 = 86_400_000;
/// Seals secrets of endpoints.
pub(crate) const PURPOSE: &str = "webhook";
/// How long an endpoint may take, and its name.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOKUP: Duration = Duration::from_secs(5);
/// Most deliveries under way, and of one person.
const MOST: usize = 64;
const MOST_OF_ONE: usize = 2;

/// A new secret for an endpoint, as the standard writes it.
pub(crate) fn new_secret() -> Result<String, BackendError> {
    let bytes = blake3::Hash::from_hex(random::secret()?)
        .map_err(|e| BackendError::Stopped(e.to_string()))?;
    Ok(format!("whsec_{}", STANDARD.encode(bytes.as_bytes())))
}

/// Writes down what an account's endpoints are to be told, beside whatever happened.
pub(crate) async fn tell(
    db: &impl ConnectionTrait,
    account: &str,
    kind: &str,
    id: &str,
) -> Result<(), DbErr> {
    let sql = "SELECT id, kinds FROM webhook_endpoint WHERE account = $1 AND state = 'on'";
    let now = now_ms();
    for row in all(db, sql, vec![account.into()]).await? {
        let kinds: String = row.try_get("", "kinds")?;
        if !kinds.split_whitespace().any(|k| k == kind) {
            continue;
        }
        let at = time::OffsetDateTime::from_unix_timestamp(now / 1000)
            .ok()
            .and_then(|t| t.format(&time::format_description::well_known::Rfc3339).ok());
        let body = json!({"type": kind, "timestamp": at, "data": {"id": id}}).to_string();
        add(db, &row.try_get::<String>("", "id")?, kind, body).await?;
    }
    Ok(())
}

/// A delivery, due at once.
pub(crate) async fn add(
    db: &impl ConnectionTrait,
    endpoint: &str,
    kind: &str,
    body: String,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO webhook_delivery (id, endpoint, kind, body, due_at_ms, state, created_at_ms) VALUES ($1, $2, $3, $4, $5, 'open', $5) ON CONFLICT DO NOTHING";
    let values = vec![
        format!("msg_{}", uuid::Uuid::now_v7().simple()).into(),
        endpoint.into(),
        kind.into(),
        body.into(),
        now_ms().into(),
    ];
    execute(db, sql, values).await?;
    Ok(())
}

/// The signature header of a message: one for each secret that is good now.
pub(crate) fn signatures(secrets: &[String], id: &str, at_s: i64, body: &str) -> String {
    let signed = format!("{id}.{at_s}.{body}");
    let one = |secret: &String| {
        let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        Some(format!("v1,{}", STANDARD.encode(tag)))
    };
    secrets.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}

/// Whether an address can be an endpoint's; the sentence when not.
pub(crate) fn checked_url(text: &str, config: &Config) -> Result<Url, String> {
    let url = Url::parse(text.trim()).ok().ok_or_else(|| "This is no address.".to_owned())?;
    let is_allowed_here = url
        .host_str()
        .and_then(|h| h.trim_matches(['[', ']']).parse().ok())
        .is_some_and(|ip: IpAddr| config.webhook_allow.iter().any(|net| net.contains(&ip)));
    if url.scheme() != "https" && !(url.scheme() == "http" && is_allowed_here) {
        return Err("A webhook goes to an address that begins with https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Leave name and password out of the address.".to_owned());
    }
    if oto_engines::http::is_local_name(&url) && !is_allowed_here {
        return Err("A webhook goes to a public address.".to_owned());
    }
    Ok(url)
}

/// Deliveries under way. Nobody's slow endpoints hold up those of others: a few of each person at a time.
#[derive(Default)]
pub(crate) struct UnderWay {
    tasks: JoinSet<Result<(), DbErr>>,
    /// Whose they are.
    of: HashMap<task::Id, String>,
}

impl UnderWay {
    /// Forgets those that have ended; the first error of the database among them.
    fn reap(&mut self) -> Result<(), DbErr> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            let (id, told) = ended.unwrap_or_else(|panic| {
                (panic.id(), Err(DbErr::Custom(format!("a webhook was not delivered: {panic}"))))
            });
            self.of.remove(&id);
            outcome = outcome.and(told);
        }
        outcome
    }

    /// How many are of one person.
    fn of(&self, account: &str) -> usize {
        self.of.values().filter(|of| *of == account).count()
    }

    /// When all have ended.
    pub(crate) async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Begins to deliver what is due, as much as there is room for.
pub(crate) async fn deliver_due(state: &AppState, under_way: &mut UnderWay) -> Result<(), DbErr> {
    let outcome = under_way.reap();
    let Some(server) = state.server.as_ref() else { return Ok(()) };
    let sql = format!("SELECT * FROM (SELECT d.id, d.body, d.attempt, d.due_at_ms, e.id AS endpoint, e.url, e.secret, e.old_secret, e.old_until_ms, e.account, ROW_NUMBER() OVER (PARTITION BY e.account ORDER BY d.due_at_ms) AS turn
        FROM webhook_delivery d JOIN webhook_endpoint e ON e.id = d.endpoint WHERE d.state = 'open' AND d.due_at_ms <= $1 AND e.state = 'on') AS due WHERE turn <= {MOST_OF_ONE} ORDER BY due_at_ms LIMIT {MOST}");
    for row in all(&state.db, &sql, vec![now_ms().into()]).await? {
        if under_way.tasks.len() >= MOST {
            break;
        }
        let account: String = row.try_get("", "account")?;
        if under_way.of(&account) >= MOST_OF_ONE {
            continue;
        }
        let id: String = row.try_get("", "id")?;
        let (attempt, due): (i64, i64) =
            (row.try_get("", "attempt")?, row.try_get("", "due_at_ms")?);
        // Taken by one server at a time: whoever moves the time of the next try delivers.
        let sql = "UPDATE webhook_delivery SET attempt = attempt + 1, due_at_ms = $3 WHERE id = $1 AND due_at_ms = $2 AND state = 'open'";
        let later = now_ms() + 60_000;
        if execute(&state.db, sql, vec![id.clone().into(), due.into(), later.into()]).await? == 0 {
            continue;
        }
        let open = |sealed: &str| {
            server.seal.unseal(PURPOSE, sealed).and_then(|b| String::from_utf8(b).ok())
        };
        let mut secrets = vec![open(&row.try_get::<String>("", "secret")?)];
        let old: Option<String> = row.try_get("", "old_secret")?;
        let until: Option<i64> = row.try_get("", "old_until_ms")?;
        if until.is_some_and(|until| until > now_ms()) {
            secrets.push(old.as_deref().and_then(open));
        }
        let delivery = Delivery {
            id,
            attempt,
            endpoint: row.try_get("", "endpoint")?,
            account: account.clone(),
            url: row.try_get("", "url")?,
            body: row.try_get("", "body")?,
            secrets: secrets.into_iter().flatten().collect(),
        };
        let own = state.clone();
        let task = under_way.tasks.spawn(async move { deliver(&own, delivery).await });
        under_way.of.insert(task.id(), account);
    }
    outcome
}

struct Delivery {
    id: String,
    /// Tries before this one.
    attempt: i64,
    endpoint: String,
    account: String,
    url: String,
    body: String,
    secrets: Vec<String>,
}

async fn deliver(state: &AppState, delivery: Delivery) -> Result<(), DbErr> {
    let Some(server) = state.server.as_ref() else { return Ok(()) };
    let answer = send(&server.config, &delivery).await;
    let now = now_ms();
    let id = delivery.id.clone();
    if let Some(200..=299) = answer {
        let sql = "UPDATE webhook_delivery SET state = 'done', answer = $2 WHERE id = $1";
        execute(&state.db, sql, vec![id.into(), i64::from(answer.unwrap_or(0)).into()]).await?;
        let sql = "UPDATE webhook_endpoint SET failing_since_ms = NULL WHERE id = $1";
        execute(&state.db, sql, vec![delivery.endpoint.into()]).await?;
        return Ok(());
    }
    metrics::counter!("webhook_failures_total").increment(1);
    let wait = WAITS_S.get(usize::try_from(delivery.attempt).unwrap_or(usize::MAX));
    let (word, due) = match wait {
        // A tenth more or less, so that what failed together is not tried together.
        Some(wait) => ("open", now + wait * 1_000 + wait * (now % 200 - 100)),
        None => ("failed", now),
    };
    let sql = "UPDATE webhook_delivery SET state = $2, due_at_ms = $3, answer = $4 WHERE id = $1";
    let answered = i64::from(answer.unwrap_or(0));
    execute(&state.db, sql, vec![id.into(), word.into(), due.into(), answered.into()]).await?;
    let sql = "UPDATE webhook_endpoint SET failing_since_ms = COALESCE(failing_since_ms, $2) WHERE id = $1";
    execute(&state.db, sql, vec![delivery.endpoint.clone().into(), now.into()]).await?;
    let horizon = if answer == Some(410) { i64::MAX } else { now - FAILING_MS };
    let sql = "UPDATE webhook_endpoint SET state = 'off' WHERE id = $1 AND state = 'on' AND failing_since_ms < $2";
    if execute(&state.db, sql, vec![delivery.endpoint.clone().into(), horizon.into()]).await? == 1 {
        let notice = Notice {
            account: &delivery.account,
            kind: "webhook",
            by: None,
            work: None,
            text: "a webhook endpoint kept failing and was turned off",
            reference: Some(format!("webhook-off:{}:{now}", delivery.endpoint)),
        };
        notices::tell(&state.db, &notice).await?;
    }
    Ok(())
}

/// The status of the answer; none when there was none, or the address may not be called.
async fn send(config: &Config, delivery: &Delivery) -> Option<u16> {
    let url = checked_url(&delivery.url, config).ok()?;
    let host = url.host_str()?.to_owned();
    let port = url.port_or_known_default()?;
    // The address that is checked is the address that is called.
    let found: Vec<SocketAddr> = tokio::time::timeout(
        LOOKUP,
        tokio::net::lookup_host((host.trim_matches(['[', ']']), port)),
    )
    .await
    .ok()?
    .ok()?
    .collect();
    let is_allowed = |a: &SocketAddr| {
        !oto_engines::http::is_private(a.ip())
            || config.webhook_allow.iter().any(|net| net.contains(&a.ip()))
    };
    if found.is_empty() || !found.iter().all(is_allowed) {
        return None;
    }
    oto_engines::http::init_tls();
    let mut client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .timeout(PATIENCE)
        .resolve_to_addrs(&host, &found);
    if url.scheme() == "http" {
        client = client.tls_certs_only(std::iter::empty::<reqwest::Certificate>());
    }
    let client = client.build().ok()?;
    let at_s = now_ms() / 1000;
    let answer = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &delivery.id)
        .header("webhook-timestamp", at_s.to_string())
        .header(
            "webhook-signature",
            signatures(&delivery.secrets, &delivery.id, at_s, &delivery.body),
        )
        .body(delivery.body.clone())
        .send()
        .await
        .ok()?;
    Some(answer.status().as_u16())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use oto_engines::webhook::{Scheme, verify};

    use super::*;

    #[test]
    fn what_is_signed_here_is_believed_by_a_standard_reader_with_either_secret() {
        let (old, new) = (new_secret().unwrap(), new_secret().unwrap());
        let (at, body) = (now_ms() / 1000, r#"{"type":"job.succeeded","data":{"id":"x"}}"#);
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", at.to_string().parse().unwrap());
        let signed = signatures(&[new.clone(), old.clone()], "msg_1", at, body);
        headers.insert("webhook-signature", signed.parse().unwrap());
        for secret in [old, new] {
            assert!(
                verify(Scheme::Standard, &headers, body.as_bytes(), &[secret.into()], now_ms())
                    .is_ok()
            );
        }
        let other = new_secret().unwrap();
        assert!(
            verify(Scheme::Standard, &headers, body.as_bytes(), &[other.into()], now_ms()).is_err()
        );
    }

    #[test]
    fn webhooks_go_to_public_addresses_alone_unless_the_operator_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::in_folder(folder.path());
        for wrong in [
            "http://example.com",
            "https://127.0.0.1/x",
            "https://[::1]/",
            "https://10.1.2.3",
            "ftp://x",
            "https://a:b@example.com",
            "https://169.254.169.254/latest",
            "https://localhost/",
            "nonsense",
        ] {
            assert!(checked_url(wrong, &config).is_err(), "{wrong}");
        }
        assert!(checked_url("https://example.com/hook", &config).is_ok());
        config.webhook_allow = vec!["127.0.0.0/8".parse().unwrap()];
        assert!(checked_url("http://127.0.0.1:9/hook", &config).is_ok());
    }
}
