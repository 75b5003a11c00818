//! What an operator does from the command line: bring the database up to date, make an admin, back
//! up and restore.

pub mod backup;
pub mod restore;

use oto_api_types::Register;
use secrecy::{ExposeSecret, SecretString};

use crate::auth::password;
use crate::auth::password::Passwords;
use crate::config::{Config, ConfigError, Mail};
use crate::mail::Mailer;
use crate::{BackendError, accounts, db, serve};

/// Brings the database up to date.
///
/// # Errors
/// When it cannot be had, or a step fails; then nothing changed.
pub async fn migrate(config: &Config) -> Result<(), BackendError> {
    db::migrate(&open(config).await?).await?;
    Ok(())
}

async fn open(config: &Config) -> Result<sea_orm::DatabaseConnection, BackendError> {
    oto_engines::http::init_tls();
    std::fs::create_dir_all(&config.data_dir)
        .map_err(BackendError::io("making the data folder"))?;
    let url = config.database_url.expose_secret();
    Ok(db::connect(url, &config.data_dir, 2).await?)
}

/// Looks at what a configuration says of engines and letters, without opening anything.
///
/// # Errors
/// With all faults.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    let mut wrong = Vec::new();
    oto_engines::http::init_tls();
    if let Err(error) = serve::engines(&config.engines) {
        wrong.push(error.to_string());
    }
    if matches!(config.mail, Mail::Smtp { .. })
        && let Err(error) = Mailer::new(&config.mail)
    {
        wrong.push(error.to_string());
    }
    if wrong.is_empty() { Ok(()) } else { Err(ConfigError(wrong)) }
}

/// Makes an admin, or gives an account that has this address the role.
///
/// # Errors
/// With a sentence when the address, handle or password will not do.
pub async fn create_admin(
    config: &Config,
    email: &str,
    handle: &str,
    secret: &SecretString,
) -> Result<(), String> {
    let db = open(config).await.map_err(|e| e.to_string())?;
    db::migrate(&db).await.map_err(|e| e.to_string())?;
    let given = secret.expose_secret();
    if let Some(sentence) = password::refusal(given, email, handle) {
        return Err(sentence.to_owned());
    }
    if !crate::mail::is_address(email) {
        return Err("This is no address for letters.".to_owned());
    }
    let passwords = Passwords::new(1, 1).map_err(|r| r.sentence().to_owned())?;
    let hash = passwords.hash(given.to_owned()).await.map_err(|r| r.sentence().to_owned())?;
    let sql =
        "UPDATE account SET role = 'admin', password = $2, email_verified = 1 WHERE email = $1";
    let known = db::execute(&db, sql, vec![email.to_lowercase().into(), hash.clone().into()])
        .await
        .map_err(|e| e.to_string())?;
    if known == 1 {
        // Whoever made this account before may be somebody else: nothing of theirs goes on.
        let sql = "SELECT id FROM account WHERE email = $1";
        let id: Option<String> = db::value(&db, sql, vec![email.to_lowercase().into()])
            .await
            .map_err(|e| e.to_string())?;
        let id = id.unwrap_or_default();
        return crate::auth::session::cut_off(&db, &id).await.map_err(|e| e.to_string());
    }
    let new = Register {
        email: email.to_owned(),
        password: String::new(),
        handle: handle.to_owned(),
        name: handle.to_owned(),
    };
    accounts::register(&db, &new, hash, "admin", 0)
        .await
        .map(drop)
        .map_err(|r| r.sentence().to_owned())
}

/// The OpenAPI document, as JSON.
#[must_use]
pub fn openapi() -> String {
    let mut text = crate::router::document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
