//! What a home is besides when others can reach it: accounts, the wall, letters, limits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use metrics_exporter_prometheus::PrometheusHandle;
use sea_orm::DatabaseConnection;

use crate::BackendError;
use crate::auth::password::Passwords;
use crate::auth::seal::Seal;
use crate::auth::token::{TokenKeys, new_key};
use crate::config::Config;
use crate::db::{all, execute, now_ms};
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::notices::bell::Bell;
use crate::streams::Streams;
use crate::wall::live::Wall;

/// Shared by all routes of a server.
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) tokens: TokenKeys,
    pub(crate) passwords: Passwords,
    pub(crate) seal: Seal,
    pub(crate) mailer: Mailer,
    pub(crate) limits: Limits,
    pub(crate) wall: Wall,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) started_ms: i64,
    /// How many streams of changes may be open.
    pub(crate) streams: Streams,
    /// The same for those who are not signed in: they take none from those who are.
    pub(crate) visitors: Streams,
    /// Rings for those who were told something.
    pub(crate) bell: Bell,
}

impl Server {
    /// Reads or makes what the server signs and seals with.
    pub(crate) async fn new(
        config: Config,
        db: &DatabaseConnection,
        metrics: PrometheusHandle,
    ) -> Result<Self, BackendError> {
        let seal = Seal::open(config.master_key.as_ref(), &config.data_dir)?;
        let tokens = token_keys(db, &seal, &config.public_url).await?;
        // Half of the cores hash passwords, so that a storm of sign-ins leaves room for the rest.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let passwords = Passwords::new((cores / 2).max(1), 64)
            .ok()
            .ok_or_else(|| BackendError::Stopped("passwords cannot be hashed here".to_owned()))?;
        Ok(Self {
            tokens,
            passwords,
            seal,
            mailer: Mailer::new(&config.mail)?,
            limits: Limits::new(&config),
            wall: Wall::new(),
            metrics,
            started_ms: now_ms(),
            streams: Streams::new(2_000, 32),
            visitors: Streams::new(2_000, 128),
            bell: Bell::new(),
            config,
        })
    }

    /// A page of this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.public_url)
    }
}

/// The keys that tokens are signed with, newest first; one is made when there is none.
async fn token_keys(
    db: &DatabaseConnection,
    seal: &Seal,
    issuer: &str,
) -> Result<TokenKeys, BackendError> {
    const PURPOSE: &str = "token_key";
    let read = "SELECT value FROM server_secret WHERE name LIKE 'token_key:%' ORDER BY created_at_ms DESC LIMIT 3";
    let mut rows = all(db, read, vec![]).await?;
    if rows.is_empty() {
        let key =
            new_key().ok_or_else(|| BackendError::Stopped("no key could be made".to_owned()))?;
        let sql = "INSERT INTO server_secret (name, value, created_at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        // Servers that start at once make one key.
        let values = vec![
            "token_key:first".into(),
            seal.seal(PURPOSE, STANDARD.encode(key).as_bytes())?.into(),
            now_ms().into(),
        ];
        execute(db, sql, values).await?;
        rows = all(db, read, vec![]).await?;
    }
    let mut keys = Vec::new();
    for row in rows {
        let sealed: String = row.try_get("", "value")?;
        let opened = seal.unseal(PURPOSE, &sealed).and_then(|text| STANDARD.decode(text).ok());
        keys.push(opened.ok_or_else(|| {
            crate::config::ConfigError(vec![
                "OTO_MASTER_KEY: the database was sealed with another one; give that one (it may be in master.key of the old data folder)".to_owned(),
            ])
        })?);
    }
    TokenKeys::new(&keys, issuer)
        .ok_or_else(|| BackendError::Stopped("the keys for tokens are damaged".to_owned()))
}
