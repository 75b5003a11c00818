//! `oto engines` and `oto keys`.

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use oto_api_types::{CheckState, Engine, EngineConfig};
use oto_backend_client::{CredentialError, Credentials, Event, Place, Site, account};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use serde_json::json;

use super::print_json;
use crate::data::DataDir;
use crate::figures::date_of;
use crate::home::{LocalHome, credentials};
use crate::passphrase;

/// No key is longer.
const MOST_BYTES: usize = 8_192;

#[derive(Debug, Subcommand)]
pub(super) enum EnginesCommand {
    /// List the engines of this machine.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Add an engine by its address.
    Add {
        /// A name for it.
        name: String,
        /// Its type; `oto engines types` lists them.
        #[arg(long = "type", value_name = "T")]
        adapter: String,
        /// Its address, such as http://127.0.0.1:11434/v1; the usual one of its type when left out.
        #[arg(long, value_name = "URL", default_value = "")]
        base_url: String,
        /// Its model, when it has several.
        #[arg(long, default_value = "")]
        model: String,
    },
    /// List the types of engines that can be added.
    Types {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Connect OpenRouter in the browser; its key goes into the keyring.
    Connect,
    /// Remove an engine that was added.
    Remove {
        /// Its name.
        name: String,
    },
    /// Ask an engine whether it can work, without paying.
    Test {
        /// Its name.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Keep a key, read from stdin.
    Set {
        /// The engine.
        name: String,
        /// Where: the keyring of the system, nowhere (it is only tried, and forgotten when this
        /// command ends), or the encrypted file. The passphrase of that is typed on the terminal, or
        /// read from the file that OTO_PASSPHRASE_FILE names.
        #[arg(long, value_enum, default_value_t = StoreName::Keyring)]
        store: StoreName,
    },
    /// Say which engines have a key.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask the engine whether it accepts the key.
    Test {
        /// The engine.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget a key.
    Remove {
        /// The engine.
        name: String,
    },
}

/// Where a key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StoreName {
    /// The keyring of the system.
    Keyring,
    /// This command only: the key is tried and forgotten.
    Session,
    /// The encrypted file in the data folder.
    File,
}

/// Opens the file of keys, or makes it where that is wanted. Nothing when it is open.
fn open_file(credentials: &Credentials, make: bool) -> Result<()> {
    let is_new = !credentials.has_file();
    if credentials.is_file_open() || (is_new && !make) {
        return Ok(());
    }
    let passphrase = match passphrase::from_environment() {
        Some(read) => read?,
        None => passphrase::from_terminal(is_new)?,
    };
    if is_new {
        credentials.create_file(&passphrase)?;
    } else {
        credentials.unlock_file(&passphrase)?;
    }
    Ok(())
}

/// Opens the file of keys when the key of this account is in it.
fn open_for(credentials: &Credentials, account: &str) -> Result<()> {
    match credentials.place_of(account) {
        Ok(Some(Place::File)) => open_file(credentials, false),
        // What else there is to say is said when the key is used.
        _ => Ok(()),
    }
}

fn wait<T>(home: &LocalHome, mut pick: impl FnMut(Event) -> Option<T>) -> Result<T> {
    loop {
        let event = home
            .client
            .wait_event(Duration::from_secs(60))
            .context("the backend gave no answer")?;
        if let Some(found) = pick(event) {
            return Ok(found);
        }
    }
}

fn listed(home: &LocalHome) -> Result<Vec<Engine>> {
    home.client.engines();
    let engines = wait(home, |e| if let Event::Engines(list) = e { Some(list) } else { None })?;
    Ok(engines?)
}

/// The account of an engine that was added, as its key is kept under.
fn account_of(home: &LocalHome, name: &str) -> Result<String> {
    let url = listed(home)?.into_iter().find(|e| e.id == name).and_then(|e| e.base_url);
    let url = url.with_context(|| {
        format!("no engine “{name}” was added; `oto engines add` does that first")
    })?;
    Ok(account(name, &url))
}

fn changed(home: &LocalHome) -> Result<()> {
    wait(home, |e| if let Event::EngineChanged { result, .. } = e { Some(result) } else { None })??;
    Ok(())
}

fn test(data: &DataDir, name: String, as_json: bool) -> Result<ExitCode> {
    let home = LocalHome::ask(data)?;
    if let Ok(account) = account_of(&home, &name) {
        open_for(&home.keys, &account)?;
    }
    tell_check(&home, name, as_json)
}

fn tell_check(home: &LocalHome, name: String, as_json: bool) -> Result<ExitCode> {
    home.client.check(name.clone());
    let told =
        wait(home, |e| if let Event::Checked { result, .. } = e { Some(result) } else { None })??;
    let ready = told.state == CheckState::Ready;
    if as_json {
        print_json(
            &json!({ "engine": name, "state": told.state, "sentence": told.sentence, "models": told.models }),
        );
    } else {
        println!("{}", told.sentence);
        told.models.iter().for_each(|m| println!("  {m}"));
    }
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// OpenRouter by one click.
pub(crate) const OPENROUTER: [&str; 2] = ["openrouter", "https://openrouter.ai/api/v1"];

fn connect(data: &DataDir) -> Result<()> {
    let [name, address] = OPENROUTER;
    // Asked first: a key that cannot be kept is not asked for.
    let credentials = credentials(data);
    open_for(&credentials, &account(name, address))?;
    credentials.get(&account(name, address))?;
    let key = oto_backend_client::connect(&Site::default(), |page| {
        eprintln!("open this page in a browser and say yes there:\n{page}");
    })?;
    credentials.set(&account(name, address), key)?;
    let home = LocalHome::ask(data)?;
    let config = EngineConfig {
        adapter: "openai".to_owned(),
        base_url: address.to_owned(),
        model: String::new(),
    };
    home.client.add_engine(name.to_owned(), config);
    changed(&home)?;
    eprintln!("connected; `oto engines test {name}` tries it");
    Ok(())
}

pub(super) fn engines(data: &DataDir, command: EnginesCommand) -> Result<ExitCode> {
    match command {
        EnginesCommand::List { json } => {
            let home = LocalHome::ask(data)?;
            let engines = listed(&home)?;
            if json {
                print_json(&json!({ "engines": engines }));
                return Ok(ExitCode::SUCCESS);
            }
            for engine in engines {
                let address = engine.base_url.unwrap_or_default();
                println!("{:14} {} {}", engine.id, engine.label, address);
            }
        }
        EnginesCommand::Types { json } => {
            let home = LocalHome::ask(data)?;
            home.client.adapters();
            let types =
                wait(&home, |e| if let Event::Adapters(list) = e { Some(list) } else { None })?;
            if json {
                print_json(&json!({ "types": types }));
                return Ok(ExitCode::SUCCESS);
            }
            for adapter in types {
                println!("{:14} {:22} {}", adapter.id, adapter.label, adapter.base_url);
            }
        }
        EnginesCommand::Connect => connect(data)?,
        EnginesCommand::Add { name, adapter, base_url, model } => {
            let home = LocalHome::ask(data)?;
            home.client.add_engine(name.clone(), EngineConfig { adapter, base_url, model });
            changed(&home)?;
            eprintln!(
                "added {name}; `oto keys set {name}` keeps its key, `oto engines test {name}` tries it"
            );
        }
        EnginesCommand::Remove { name } => {
            let home = LocalHome::ask(data)?;
            // Its key goes with it, where there is one.
            if let Ok(account) = account_of(&home, &name) {
                open_for(&home.keys, &account)?;
                home.keys.remove(&account).ok();
                home.dates.forget(&account);
            }
            home.client.remove_engine(name.clone());
            changed(&home)?;
            eprintln!("removed {name}");
        }
        EnginesCommand::Test { name, json } => return test(data, name, json),
    }
    Ok(ExitCode::SUCCESS)
}

/// Keeps the key that stands on standard input.
fn set_key(data: &DataDir, name: String, store: StoreName) -> Result<ExitCode> {
    let home = LocalHome::ask(data)?;
    let account = account_of(&home, &name)?;
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES));
    std::io::stdin()
        .take(MOST_BYTES as u64)
        .read_to_string(&mut text)
        .context("the key could not be read from stdin")?;
    let key = SecretString::from(text.trim());
    match store {
        StoreName::Session => {
            home.keys.set_for_session(&account, key)?;
            eprintln!(
                "the key is tried and then forgotten; the window can keep it until it closes"
            );
            return tell_check(&home, name, false);
        }
        StoreName::File => {
            open_file(&home.keys, true)?;
            home.keys.set_in(Place::File, &account, key)?;
            eprintln!("the key of {name} is in the encrypted file {}", data.key_file().display());
        }
        StoreName::Keyring => {
            // One that is in the file now moves.
            open_for(&home.keys, &account)?;
            match home.keys.set_in(Place::Keyring, &account, key) {
                Err(
                    error @ (CredentialError::NoKeyring
                    | CredentialError::Locked
                    | CredentialError::Silent),
                ) => {
                    return Err(error).context(format!(
                        "`oto keys set {name} --store file` keeps it in an encrypted file"
                    ));
                }
                told => told?,
            }
            eprintln!("the key of {name} is in the keyring of this system");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list_keys(data: &DataDir, as_json: bool) -> Result<()> {
    let home = LocalHome::ask(data)?;
    let days = home.dates.all();
    let mut rows = Vec::new();
    for engine in listed(&home)? {
        let Some(url) = &engine.base_url else { continue };
        let account = account(&engine.id, url);
        let place = home.keys.place_of(&account)?;
        let used = days.get(&account).filter(|_| place.is_some()).map(|day| date_of(*day));
        if !as_json {
            let place = match place {
                None => "no key",
                Some(Place::Keyring) => "key in the keyring",
                Some(Place::Session) => "key of this session",
                Some(Place::File) => "key in the encrypted file",
            };
            let used = used.as_ref().map_or_else(String::new, |d| format!(", last used {d}"));
            println!("{:14} {place}{used}", engine.id);
        }
        rows.push(json!({
            "engine": engine.id,
            "has_key": place.is_some(),
            "store": place.map(Place::word),
            "last_used": used,
        }));
    }
    if as_json {
        print_json(&json!({ "keys": rows }));
    }
    Ok(())
}

pub(super) fn keys(data: &DataDir, command: KeysCommand) -> Result<ExitCode> {
    match command {
        KeysCommand::Set { name, store } => return set_key(data, name, store),
        KeysCommand::List { json } => list_keys(data, json)?,
        KeysCommand::Test { name, json } => return test(data, name, json),
        KeysCommand::Remove { name } => {
            let home = LocalHome::ask(data)?;
            let account = account_of(&home, &name)?;
            open_for(&home.keys, &account)?;
            if !home.keys.remove(&account)? {
                bail!("there is no key of {name}");
            }
            home.dates.forget(&account);
            eprintln!("the key of {name} is forgotten");
        }
    }
    Ok(ExitCode::SUCCESS)
}
