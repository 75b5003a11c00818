//! How a server is set up: a TOML file, then the environment, then what is sensible with neither.
//! Everything is checked before anything is opened, and every fault is told at once.

mod read;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;

use read::File;

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

/// Everything that is wrong, a line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Config {
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
