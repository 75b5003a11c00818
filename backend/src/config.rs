//! How a server is set up: a TOML file, then the environment, then what is sensible with neither.
//! Everything is checked before anything is opened, and every fault is told at once.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What a server needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Folder for whatever is not in a database or object store.
    pub data_dir: PathBuf,
    /// `sqlite:` (a file in the data folder) or `postgres://…`.
    pub database_url: SecretString,
    /// Seals secrets in the database; none for the one in the data folder.
    pub master_key: Option<SecretString>,
    /// `file:` (a folder in the data folder) or `s3://bucket/prefix`.
    pub storage_url: String,
    /// How people reach it, without a slash at the end.
    pub public_url: String,
    /// People may register themselves.
    pub open_registration: bool,
    /// Whether people may send graphs of nodes to the engines that run them. Such a graph can run
    /// code: only for people one trusts with the machine.
    pub open_workflows: bool,
    /// Tokens given to a new account, in whole tokens.
    pub welcome_tokens: i64,
    /// From whom `/admin` and `/metrics` may be asked.
    pub admin_allow: Vec<IpNet>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Letters.
    pub mail: Mail,
    /// Payments; none when nothing is sold.
    pub stripe: Option<Stripe>,
    /// Engines of the operator.
    pub engines: Vec<EngineConfig>,
    /// Jobs are worked on by this process.
    pub works: bool,
    /// Connections to the database.
    pub database_connections: u32,
    /// Requests of one address in a minute before it is asked to wait.
    pub reads_per_minute: u32,
    /// Writes of one account in a minute.
    pub writes_per_minute: u32,
    /// Tries to sign in, of one address in a minute.
    pub sign_ins_per_minute: u32,
    /// Words that hold a work until a moderator has looked at it.
    pub held_words: Vec<String>,
    /// Where webhooks may go although it is no public address.
    pub webhook_allow: Vec<IpNet>,
    /// Where the desk can be had; none hides the button of the front page.
    pub download_url: Option<String>,
    /// Where traces go (OTLP over HTTP); none for nowhere.
    pub otlp_url: Option<String>,
}

/// How letters leave.
#[derive(Debug, Clone)]
pub enum Mail {
    /// Into a folder, one file each: for development.
    Folder(PathBuf),
    /// Through a server, `smtp://` or `smtps://`.
    Smtp {
        /// With user and password in it.
        url: SecretString,
        /// Whom letters are from.
        from: String,
    },
}

/// Keys of the payment service.
#[derive(Debug, Clone)]
pub struct Stripe {
    /// For calls.
    pub secret_key: SecretString,
    /// For what it sends.
    pub webhook_secret: SecretString,
    /// Where it is; another one in tests.
    pub base_url: String,
    /// Price of a token in cents.
    pub cents_per_token: i64,
}

/// An engine with the operator's own key.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Names it in jobs.
    pub name: String,
    /// Adapter, as in `oto engines add --type`.
    #[serde(rename = "type")]
    pub adapter: String,
    /// Address; empty for the adapter's usual one.
    #[serde(default)]
    pub base_url: String,
    /// Model; empty for the engine's choice.
    #[serde(default)]
    pub model: String,
    /// Name of the environment variable that has the key.
    #[serde(default)]
    pub key_env: String,
    /// Other models that people may ask for. Without them they have the one above: a model that
    /// nobody priced could cost the operator anything.
    #[serde(default)]
    pub models: Vec<String>,
    /// Name of the environment variable with the keys that its provider signs calls with; without one a
    /// call of the provider is a hint, as all of them are, and nothing more.
    #[serde(default)]
    pub webhook_key_env: String,
    /// Those keys; several are separated by spaces in the variable, while they change.
    #[serde(skip)]
    pub webhook_keys: Vec<SecretString>,
}

impl std::fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineConfig").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The file, all of it optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Option<String>,
    data_dir: Option<PathBuf>,
    database_url: Option<String>,
    storage_url: Option<String>,
    master_key: Option<String>,
    public_url: Option<String>,
    open_registration: Option<bool>,
    open_workflows: Option<bool>,
    welcome_tokens: Option<i64>,
    admin_allow: Option<Vec<String>>,
    trusted_proxies: Option<Vec<String>>,
    webhook_allow: Option<Vec<String>>,
    held_words: Option<Vec<String>>,
    smtp_url: Option<String>,
    mail_from: Option<String>,
    stripe_secret_key: Option<String>,
    stripe_webhook_secret: Option<String>,
    stripe_base_url: Option<String>,
    cents_per_token: Option<i64>,
    works: Option<bool>,
    database_connections: Option<u32>,
    reads_per_minute: Option<u32>,
    writes_per_minute: Option<u32>,
    sign_ins_per_minute: Option<u32>,
    otlp_url: Option<String>,
    download_url: Option<String>,
    engines: Vec<EngineConfig>,
}

/// Everything that is wrong, a line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

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

    fn from_parts(
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

    /// Whether a model may be asked for; the sentence when not.
    ///
    /// # Errors
    /// With what is offered instead.
    pub fn offers(&self, engine: &str, model: &str) -> Result<(), String> {
        let Some(set_up) = self.engines.iter().find(|e| e.name == engine) else { return Ok(()) };
        let all = || [&set_up.model].into_iter().chain(&set_up.models).map(String::as_str);
        if model.is_empty() || all().any(|offered| offered == model) {
            return Ok(());
        }
        let names: Vec<&str> = all().filter(|name| !name.is_empty()).collect();
        let instead = if names.is_empty() {
            "leave the model out".to_owned()
        } else {
            format!("leave the model out, or take one of: {}", names.join(", "))
        };
        Err(format!("“{model}” is not offered here for “{engine}”; {instead}."))
    }

    /// What is sensible with nothing said, in a folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let file = File {
            data_dir: Some(folder.to_owned()),
            listen: Some("127.0.0.1:0".to_owned()),
            ..File::default()
        };
        match Self::from_parts(file, &|_| None) {
            Ok(config) => config,
            Err(error) => unreachable!("defaults are valid: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
        let file = toml::from_str(file).map_err(|e| ConfigError(vec![e.to_string()]))?;
        Config::from_parts(file, &|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn nothing_said_is_sensible_and_the_environment_beats_the_file() {
        let config = with(&[], "").unwrap();
        assert_eq!(config.public_url, "http://127.0.0.1:7420");
        assert!(config.stripe.is_none() && config.works);
        let config = with(&[("OTO_LISTEN", "127.0.0.1:9")], "listen = \"127.0.0.1:8\"").unwrap();
        assert_eq!(config.listen.port(), 9);
    }

    #[test]
    fn every_fault_is_told_at_once_and_no_secret_with_it() {
        let error = with(
            &[
                ("OTO_LISTEN", "everywhere"),
                ("OTO_DATABASE_URL", "mysql://root:hunter2@x"),
                ("OTO_WELCOME_TOKENS", "-3"),
                ("OTO_OPEN_REGISTRATION", "perhaps"),
                ("OTO_TRUSTED_PROXIES", "10.0.0.0/99"),
                ("OTO_STRIPE_SECRET_KEY", "sk_live_hunter2"),
                ("OTO_SMTP_URL", "smtp://mail"),
                ("OTO_MASTER_KEY_FILE", "/nowhere/key"),
            ],
            "",
        )
        .unwrap_err();
        assert_eq!(error.0.len(), 8, "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn only_models_that_somebody_listed_are_offered() {
        let file = "[[engines]]\nname = \"lab\"\ntype = \"openai\"\nmodel = \"small\"\nmodels = [\"large\"]";
        let config = with(&[], file).unwrap();
        for offered in ["", "small", "large"] {
            assert!(config.offers("lab", offered).is_ok());
        }
        assert!(config.offers("lab", "huge").unwrap_err().contains("small, large"));
        assert!(config.offers("local-image", "anything").is_ok());
    }

    #[test]
    fn a_server_open_to_others_says_who_may_administer_it() {
        assert!(with(&[("OTO_LISTEN", "0.0.0.0:80")], "").is_err());
        let config =
            with(&[("OTO_LISTEN", "0.0.0.0:80"), ("OTO_ADMIN_ALLOW", "10.1.0.0/16, ::1")], "");
        assert_eq!(config.unwrap().admin_allow.len(), 2);
        assert!(with(&[], "colour = 3").is_err());
    }
}
