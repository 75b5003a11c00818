//! `oto engines` and `oto keys`.

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use oto_api_types::{CheckState, Engine, EngineConfig};
use oto_backend_client::{Credentials, Event, Site, account};
use secrecy::SecretString;
use serde_json::json;

use super::print_json;
use crate::data::DataDir;
use crate::home::LocalHome;

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

/// The account of an engine that was added, in the keyring.
fn account_of(data: &DataDir, name: &str) -> Result<String> {
    let home = LocalHome::ask(data)?;
    let url = listed(&home)?.into_iter().find(|e| e.id == name).and_then(|e| e.base_url);
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
    home.client.check(name.clone());
    let told =
        wait(&home, |e| if let Event::Checked { result, .. } = e { Some(result) } else { None })??;
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
    let credentials = Credentials::default();
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
            // Its key goes with it, where there is a keyring.
            if let Ok(account) = account_of(data, &name) {
                Credentials::default().remove(&account).ok();
            }
            let home = LocalHome::ask(data)?;
            home.client.remove_engine(name.clone());
            changed(&home)?;
            eprintln!("removed {name}");
        }
        EnginesCommand::Test { name, json } => return test(data, name, json),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn keys(data: &DataDir, command: KeysCommand) -> Result<ExitCode> {
    let credentials = Credentials::default();
    match command {
        KeysCommand::Set { name } => {
            let account = account_of(data, &name)?;
            let mut text = String::new();
            std::io::stdin()
                .take(8_192)
                .read_to_string(&mut text)
                .context("the key could not be read from stdin")?;
            credentials.set(&account, SecretString::from(text.trim().to_owned()))?;
            eprintln!("the key of {name} is in the keyring of this system");
        }
        KeysCommand::List { json } => {
            let home = LocalHome::ask(data)?;
            let mut rows = Vec::new();
            for engine in listed(&home)?.into_iter().filter(|e| e.base_url.is_some()) {
                let url = engine.base_url.clone().unwrap_or_default();
                let has_key = credentials.get(&account(&engine.id, &url))?.is_some();
                if !json {
                    println!(
                        "{:14} {}",
                        engine.id,
                        if has_key { "key in the keyring" } else { "no key" }
                    );
                }
                rows.push(json!({ "engine": engine.id, "has_key": has_key }));
            }
            if json {
                print_json(&json!({ "keys": rows }));
            }
        }
        KeysCommand::Test { name, json } => return test(data, name, json),
        KeysCommand::Remove { name } => {
            if !credentials.remove(&account_of(data, &name)?)? {
                bail!("there is no key of {name} in the keyring");
            }
            eprintln!("the key of {name} is forgotten");
        }
    }
    Ok(ExitCode::SUCCESS)
}
