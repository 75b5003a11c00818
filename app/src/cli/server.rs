//! `oto login`, `publish`, `unpublish`, `account` and `wall`: the shared wall from the command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use oto_api_types::Visibility;
use oto_backend_client::server::checked_address;
use oto_backend_client::{Ask, Server, Told};
use oto_board::WorkKind;
use oto_storage::read_board;
use serde_json::json;

use super::{find_note, print_json};
use crate::convert::publish::{Choices, new_work, outcome};
use crate::data::DataDir;
use crate::home::credentials;
use crate::settings::Settings;
use crate::words::Words;

/// How long an answer may take; a film is uploaded meanwhile.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// How long somebody may take in the browser.
const SIGN_IN: Duration = Duration::from_secs(620);

#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// Address of the server, such as https://wall.example.org.
    server: String,
    /// Print JSON, the code first.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Seen {
    /// Everybody.
    Public,
    /// Whoever has the link.
    Link,
    /// You alone.
    Private,
}

#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// The board.
    board: PathBuf,
    /// The work, by id or title.
    note: String,
    /// Another title.
    #[arg(long)]
    title: Option<String>,
    /// Who may see it.
    #[arg(long, value_enum, default_value = "public")]
    visibility: Seen,
    /// Licence, by its SPDX name, or all-rights-reserved.
    #[arg(long, default_value = "CC-BY-4.0")]
    licence: String,
    /// Others may not make works from it.
    #[arg(long)]
    no_reuse: bool,
    /// Keep prompt, engine and seed to yourself.
    #[arg(long)]
    hide_recipe: bool,
    /// Keep to yourself what it was made from.
    #[arg(long)]
    hide_sources: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct UnpublishArgs {
    /// The published work, by its id.
    work: String,
}

#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct WallArgs {
    /// Address of the server; without it the one you signed in at.
    server: Option<String>,
}

fn connect(data: &DataDir) -> Result<(Server, String)> {
    let address = Settings::read(&data.settings()).server;
    if address.is_empty() {
        bail!("no server was named yet; `oto login https://…` signs in at one");
    }
    let server = Server::start(&address, credentials(data), Arc::new(|| {}))?;
    Ok((server, address))
}

/// The first answer that `pick` takes; a failure ends the wait.
fn answer<T>(server: &Server, patience: Duration, pick: impl Fn(Told) -> Option<T>) -> Result<T> {
    let until = Instant::now() + patience;
    while let Some(told) = server.wait_told(until.saturating_duration_since(Instant::now())) {
        if let Told::Failed { error, .. } = &told {
            return Err(anyhow!("{error}"));
        }
        if let Some(found) = pick(told) {
            return Ok(found);
        }
    }
    bail!("the server did not answer in time; try again")
}

pub(super) fn login(data: &DataDir, args: &LoginArgs) -> Result<()> {
    let address = checked_address(&args.server).map_err(anyhow::Error::msg)?;
    let server = Server::start(&address, credentials(data), Arc::new(|| {}))?;
    server.ask(Ask::SignIn { client: client_name() });
    let code = answer(&server, Duration::from_secs(30), |told| match told {
        Told::Code(code) => Some(code),
        _ => None,
    })?;
    if args.json {
        print_json(
            &json!({"user_code": code.user_code, "verification_uri": code.verification_uri}),
        );
    }
    eprintln!("Open {} and type {}", code.verification_uri, code.user_code);
    let account = answer(&server, SIGN_IN, |told| match told {
        Told::Account(account) => account,
        _ => None,
    })?;
    let mut settings = Settings::read(&data.settings());
    settings.server = address;
    settings.write(&data.settings())?;
    eprintln!("signed in as @{}", account.handle);
    Ok(())
}

/// What the person reads that asks to be let in.
pub(crate) fn client_name() -> String {
    let host = std::env::var("HOSTNAME").ok().or_else(|| {
        std::fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned())
    });
    host.filter(|name| !name.is_empty())
        .map_or_else(|| "oTo".to_owned(), |name| format!("oTo on {name}"))
}

pub(super) fn logout(data: &DataDir) -> Result<()> {
    let (server, _) = connect(data)?;
    server.ask(Ask::SignOut);
    answer(&server, Duration::from_secs(30), |told| {
        matches!(told, Told::Account(None)).then_some(())
    })?;
    eprintln!("signed out");
    Ok(())
}

pub(super) fn account(data: &DataDir, args: &AccountArgs) -> Result<()> {
    let (server, address) = connect(data)?;
    server.ask(Ask::Account);
    let account = answer(&server, Duration::from_secs(30), |told| match told {
        Told::Account(account) => Some(account),
        _ => None,
    })?;
    let Some(account) = account else {
        bail!("nobody is signed in at {address}; `oto login {address}` signs in");
    };
    server.ask(Ask::Wallet);
    let wallet = answer(&server, Duration::from_secs(30), |told| match told {
        Told::Wallet(wallet) => Some(wallet),
        _ => None,
    })?;
    if args.json {
        print_json(&json!({"server": address, "account": account, "wallet": wallet}));
    } else {
        let tokens = wallet.available_micro / 1_000_000;
        eprintln!("@{} at {address}: {} works, {tokens} tokens", account.handle, account.works);
    }
    Ok(())
}

pub(super) fn publish(data: &DataDir, args: &PublishArgs) -> Result<()> {
    let loaded = read_board(&data.board(&args.board))?;
    let id = find_note(&loaded.board, &args.note)?;
    let note = loaded.board.note(id).context("the note is gone")?;
    let mut choices = Choices::of(note);
    choices.visibility = match args.visibility {
        Seen::Public => Visibility::Public,
        Seen::Link => Visibility::Link,
        Seen::Private => Visibility::Private,
    };
    if let Some(title) = &args.title {
        choices.title.clone_from(title);
    }
    choices.licence.clone_from(&args.licence);
    choices.may_reuse = !args.no_reuse;
    choices.shows_recipe = !args.hide_recipe;
    choices.shows_sources = !args.hide_sources;
    let work = new_work(&loaded.board, note, &choices)
        .context("only a finished work can be published; `oto notes` lists what there is")?;
    let asset = note.kind.work().filter(|w| w.kind != WorkKind::Text).and_then(|w| w.asset());
    let media = asset.map(|asset| data.assets().path(asset));
    let (server, _) = connect(data)?;
    server.ask(Ask::Publish { work: Box::new(work), media });
    let made = answer(&server, PATIENCE, |told| match told {
        Told::Published(work) => Some(work),
        _ => None,
    })?;
    if args.json {
        print_json(&serde_json::to_value(&made)?);
    } else {
        eprintln!("{}", Words::new("en").with(outcome(&made), &[("title", &made.title)]));
        eprintln!("{}{}", made.id, made.link.map_or_else(String::new, |l| format!(": {l}")));
    }
    Ok(())
}

pub(super) fn unpublish(data: &DataDir, args: &UnpublishArgs) -> Result<()> {
    let (server, _) = connect(data)?;
    server.ask(Ask::Remove(args.work.clone()));
    answer(&server, Duration::from_secs(60), |told| {
        matches!(told, Told::Removed(_)).then_some(())
    })?;
    eprintln!("{} is gone from the wall", args.work);
    Ok(())
}

pub(super) fn wall(data: &DataDir, args: &WallArgs) -> Result<()> {
    let own = || Settings::read(&data.settings()).server;
    let (address, work) = match &args.server {
        Some(link) if link.starts_with("oto:") => (own(), Some(work_of_link(link)?)),
        Some(typed) => (checked_address(typed).map_err(anyhow::Error::msg)?, None),
        None => (own(), None),
    };
    crate::desk::walk(data, &address, work)
}

/// The work that a link of a page names, `oto://work/ID`. Links come from anywhere: nothing but an id is
/// believed, and following one only looks.
fn work_of_link(link: &str) -> Result<String> {
    let id = link.strip_prefix("oto://work/").filter(|id| id.len() == 36);
    let is_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    match id.filter(|id| id.chars().all(is_id) && id.parse::<oto_board::NoteId>().is_ok()) {
        Some(id) => Ok(id.to_lowercase()),
        None => anyhow::bail!("this link names no work; open the page it came from again"),
    }
}

#[cfg(test)]
mod tests {
    use super::work_of_link;

    #[test]
    fn a_link_names_a_work_and_nothing_else() {
        let id = "01a22462-6bd4-71cf-856b-d48c66f484e2";
        assert_eq!(work_of_link(&format!("oto://work/{id}")).unwrap(), id);
        for wrong in [
            "oto://work/".to_owned(),
            format!("oto://work/{id}/../x"),
            format!("oto://jobs/{id}"),
            format!("oto://work/{}", "-".repeat(36)),
            format!("oto:work/{id}"),
        ] {
            assert!(work_of_link(&wrong).is_err(), "{wrong}");
        }
    }
}
