//! The settings as they are read: a file, then the environment, which wins; every fault is told at once.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Config, ConfigError, EngineConfig, Mail, Stripe};

/// The file, all of it optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) listen: Option<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) database_url: Option<String>,
    pub(super) storage_url: Option<String>,
    pub(super) master_key: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) open_registration: Option<bool>,
    pub(super) open_workflows: Option<bool>,
    pub(super) welcome_tokens: Option<i64>,
    pub(super) admin_allow: Option<Vec<String>>,
    pub(super) trusted_proxies: Option<Vec<String>>,
    pub(super) webhook_allow: Option<Vec<String>>,
    pub(super) held_words: Option<Vec<String>>,
    pub(super) smtp_url: Option<String>,
    pub(super) mail_from: Option<String>,
    pub(super) stripe_secret_key: Option<String>,
    pub(super) stripe_webhook_secret: Option<String>,
    pub(super) stripe_base_url: Option<String>,
    pub(super) cents_per_token: Option<i64>,
    pub(super) works: Option<bool>,
    pub(super) database_connections: Option<u32>,
    pub(super) reads_per_minute: Option<u32>,
    pub(super) writes_per_minute: Option<u32>,
    pub(super) sign_ins_per_minute: Option<u32>,
    pub(super) otlp_url: Option<String>,
    pub(super) download_url: Option<String>,
    pub(super) engines: Vec<EngineConfig>,
}

/// Most that a limit for a minute may be.
const MOST_PER_MINUTE: i64 = 100_000_000;

impl Config {
    /// Reads the file, if there is one, and the environment.
    ///
    /// # Errors
    /// All faults that were found.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let file = match file {
            None => File::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    ConfigError(vec![format!("{} cannot be read: {e}", path.display())])
                })?;
                toml::from_str(&text)
                    .map_err(|e| ConfigError(vec![format!("{}: {e}", path.display())]))?
            }
        };
        Self::from_parts(file, &|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
    }

    pub(super) fn from_parts(
        file: File,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        // A secret may lie in a file that OTO_X_FILE names; one that cannot be read is a fault, never
        // a reason to go on with what is usual.
        let unreadable = std::cell::RefCell::new(Vec::new());
        let text = |name: &str, own: Option<String>| -> Option<String> {
            let from_file = || {
                let path = variable(&format!("{name}_FILE"))?;
                match std::fs::read_to_string(&path) {
                    Ok(text) => Some(text.trim().to_owned()),
                    Err(error) => {
                        unreadable.borrow_mut().push(format!("{name}_FILE: {path}: {error}"));
                        None
                    }
                }
            };
            variable(name).or_else(from_file).or(own)
        };
        let listen = text("OTO_LISTEN", file.listen).unwrap_or_else(|| "127.0.0.1:7420".to_owned());
        let listen = listen.parse().unwrap_or_else(|_| {
            wrong.push(format!(
                "OTO_LISTEN: “{listen}” is no address with a port, such as 127.0.0.1:7420"
            ));
            SocketAddr::from(([127, 0, 0, 1], 7420))
        });
        let data_dir = text("OTO_DATA_DIR", file.data_dir.map(|p| p.display().to_string()))
            .map_or_else(|| PathBuf::from("oto-data"), PathBuf::from);
        let database_url =
            text("OTO_DATABASE_URL", file.database_url).unwrap_or_else(|| "sqlite:".to_owned());
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|k| database_url.starts_with(k)) {
            wrong.push("OTO_DATABASE_URL: it begins with sqlite: or postgres://".to_owned());
        }
        let storage_url =
            text("OTO_STORAGE_URL", file.storage_url).unwrap_or_else(|| "file:".to_owned());
        if !["file:", "s3://"].iter().any(|k| storage_url.starts_with(k)) {
            wrong.push("OTO_STORAGE_URL: it begins with file: or s3://".to_owned());
        }
        if storage_url.strip_prefix("s3://").is_some_and(|rest| rest.split('/').next() == Some(""))
        {
            wrong.push("OTO_STORAGE_URL: s3:// needs the name of a bucket".to_owned());
        }
        let master_key: Option<SecretString> =
            text("OTO_MASTER_KEY", file.master_key).map(Into::into);
        let is_key =
            |key: &SecretString| blake3::Hash::from_hex(key.expose_secret().trim()).is_ok();
        if master_key.as_ref().is_some_and(|key| !is_key(key)) {
            wrong.push("OTO_MASTER_KEY: it has 64 hexadecimal digits".to_owned());
        }
        let public_url = text("OTO_PUBLIC_URL", file.public_url)
            .unwrap_or_else(|| format!("http://{listen}"))
            .trim_end_matches('/')
            .to_owned();
        // What stands before an @ may be a password; nothing of it is repeated.
        match url::Url::parse(&public_url) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                wrong.push("OTO_PUBLIC_URL: it has no name and password in it".to_owned());
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") => {}
            _ => wrong.push("OTO_PUBLIC_URL: it is no http or https address".to_owned()),
        }
        let is_web = |url: &str| {
            url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        };
        let stripe_base_url = text("OTO_STRIPE_BASE_URL", file.stripe_base_url)
            .unwrap_or_else(|| "https://api.stripe.com".to_owned());
        let download_url = text("OTO_DOWNLOAD_URL", file.download_url);
        let otlp_url = text("OTO_OTLP_URL", file.otlp_url);
        let addresses = [
            ("OTO_STRIPE_BASE_URL", Some(&stripe_base_url)),
            ("OTO_DOWNLOAD_URL", download_url.as_ref()),
            ("OTO_OTLP_URL", otlp_url.as_ref()),
        ];
        for (name, url) in addresses {
            if url.is_some_and(|url| !is_web(url)) {
                wrong.push(format!("{name}: it is no http or https address"));
            }
        }
        if let Some(filter) = variable("OTO_LOG")
            && let Err(error) = tracing_subscriber::EnvFilter::try_new(filter)
        {
            wrong.push(format!("OTO_LOG: {error}"));
        }
        let mut number = |name: &str, own: Option<i64>, usual: i64, least: i64, most: i64| -> i64 {
            let given = match variable(name) {
                None => own.unwrap_or(usual),
                Some(word) => word.parse().unwrap_or_else(|_| {
                    wrong.push(format!("{name}: “{word}” is no whole number"));
                    usual
                }),
            };
            if !(least..=most).contains(&given) {
                wrong.push(format!("{name}: it is {least} to {most}"));
            }
            given.clamp(least, most)
        };
        let welcome_tokens = number("OTO_WELCOME_TOKENS", file.welcome_tokens, 100, 0, 1_000_000);
        let cents_per_token = number("OTO_CENTS_PER_TOKEN", file.cents_per_token, 1, 1, 100_000);
        let small = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let database_connections = small(number(
            "OTO_DATABASE_CONNECTIONS",
            file.database_connections.map(i64::from),
            16,
            2,
            1_000,
        ));
        let reads_per_minute = small(number(
            "OTO_READS_PER_MINUTE",
            file.reads_per_minute.map(i64::from),
            6_000,
            1,
            MOST_PER_MINUTE,
        ));
        let writes_per_minute = small(number(
            "OTO_WRITES_PER_MINUTE",
            file.writes_per_minute.map(i64::from),
            240,
            1,
            MOST_PER_MINUTE,
        ));
        let sign_ins_per_minute = small(number(
            "OTO_SIGN_INS_PER_MINUTE",
            file.sign_ins_per_minute.map(i64::from),
            10,
            1,
            MOST_PER_MINUTE,
        ));
        let mut flag = |name: &str, own: Option<bool>, usual: bool| -> bool {
            match variable(name).as_deref() {
                None => own.unwrap_or(usual),
                Some("1" | "true" | "yes" | "on") => true,
                Some("0" | "false" | "no" | "off") => false,
                Some(word) => {
                    wrong.push(format!("{name}: “{word}” is neither yes nor no"));
                    usual
                }
            }
        };
        let open_workflows = flag("OTO_OPEN_WORKFLOWS", file.open_workflows, false);
        let open_registration = flag("OTO_OPEN_REGISTRATION", file.open_registration, true);
        let works = flag("OTO_WORKS", file.works, true);
        let mut nets = |name: &str, own: Option<Vec<String>>| -> Option<Vec<IpNet>> {
            let words = variable(name)
                .map(|v| v.split(',').map(|w| w.trim().to_owned()).collect::<Vec<_>>())
                .or(own)?;
            let mut found = Vec::new();
            for word in words.iter().filter(|w| !w.is_empty()) {
                let net = word
                    .parse::<IpNet>()
                    .ok()
                    .or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from));
                match net {
                    Some(net) => found.push(net),
                    None => {
                        wrong.push(format!("{name}: “{word}” is no network, such as 10.0.0.0/8"));
                    }
                }
            }
            Some(found)
        };
        let admin_allow = nets("OTO_ADMIN_ALLOW", file.admin_allow);
        let trusted_proxies = nets("OTO_TRUSTED_PROXIES", file.trusted_proxies).unwrap_or_default();
        let webhook_allow = nets("OTO_WEBHOOK_ALLOW", file.webhook_allow).unwrap_or_default();
        if admin_allow.is_none() && !listen.ip().is_loopback() {
            wrong.push(format!(
                "OTO_ADMIN_ALLOW: say from which networks /admin may be asked, since {listen} is open to others (for instance 127.0.0.1/32)"
            ));
        }
        let loopback = || {
            vec![
                IpNet::from(IpAddr::from([127, 0, 0, 1])),
                IpNet::from(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
            ]
        };
        let smtp = text("OTO_SMTP_URL", file.smtp_url);
        let mail_from = text("OTO_MAIL_FROM", file.mail_from);
        if let Some(from) = &mail_from
            && from.parse::<lettre::message::Mailbox>().is_err()
        {
            wrong.push(format!("OTO_MAIL_FROM: “{from}” is no address of a letter"));
        }
        let mail = match (smtp, mail_from) {
            (None, _) => Mail::Folder(data_dir.join("mail")),
            (Some(url), Some(from)) => {
                if !url.starts_with("smtp://") && !url.starts_with("smtps://") {
                    wrong.push("OTO_SMTP_URL: it begins with smtp:// or smtps://".to_owned());
                }
                Mail::Smtp { url: url.into(), from }
            }
            (Some(_), None) => {
                wrong.push("OTO_MAIL_FROM: letters need somebody they are from".to_owned());
                Mail::Folder(data_dir.join("mail"))
            }
        };
        let secret_key = text("OTO_STRIPE_SECRET_KEY", file.stripe_secret_key);
        let webhook_secret = text("OTO_STRIPE_WEBHOOK_SECRET", file.stripe_webhook_secret);
        let stripe = match (secret_key, webhook_secret) {
            (None, None) => None,
            (Some(secret_key), Some(webhook_secret)) => Some(Stripe {
                secret_key: secret_key.into(),
                webhook_secret: webhook_secret.into(),
                base_url: stripe_base_url,
                cents_per_token,
            }),
            _ => {
                wrong.push("OTO_STRIPE_SECRET_KEY and OTO_STRIPE_WEBHOOK_SECRET belong together; one of them is missing".to_owned());
                None
            }
        };
        let mut engines = file.engines;
        for engine in &mut engines {
            let keys = variable(&engine.webhook_key_env).unwrap_or_default();
            engine.webhook_keys =
                keys.split_whitespace().map(|key| SecretString::from(key.to_owned())).collect();
            if !engine.key_env.is_empty() && variable(&engine.key_env).is_none() {
                wrong.push(format!(
                    "engine “{}”: its key is to be in {}, which is empty",
                    engine.name, engine.key_env
                ));
            }
        }
        let config = Self {
            listen,
            data_dir,
            database_url: database_url.into(),
            master_key,
            storage_url,
            public_url,
            open_registration,
            open_workflows,
            welcome_tokens,
            admin_allow: admin_allow.unwrap_or_else(loopback),
            trusted_proxies,
            mail,
            stripe,
            engines,
            works,
            database_connections,
            reads_per_minute,
            writes_per_minute,
            sign_ins_per_minute,
            webhook_allow,
            held_words: variable("OTO_HELD_WORDS")
                .map(|v| v.split(',').map(|w| w.trim().to_owned()).collect())
                .or(file.held_words)
                .unwrap_or_default(),
            download_url,
            otlp_url,
        };
        wrong.extend(unreadable.into_inner());
        if wrong.is_empty() { Ok(config) } else { Err(ConfigError(wrong)) }
    }
}
