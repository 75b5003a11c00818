//! `oto-backend`: the home that others can reach, as a program.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use oto_backend::{Config, Served, ops};
use oto_media::worker::{WORKER_ARGUMENT, Workers};
use secrecy::SecretString;

/// The server of oTo: accounts, the shared wall, generation for tokens.
#[derive(Debug, Parser)]
#[command(name = "oto-backend", version)]
struct Arguments {
    /// A file with settings; the environment (OTO_…) comes before it.
    #[arg(long, global = true, env = "OTO_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer until it is told to stop.
    Serve,
    /// Bring the database up to date.
    Migrate,
    /// People with rights.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Write everything into a new folder, and read it back.
    Backup {
        /// The folder; it must not be there yet.
        folder: PathBuf,
    },
    /// Read a backup and say whether it is whole.
    Verify {
        /// The folder.
        folder: PathBuf,
    },
    /// Bring a backup into an empty database and store, and read it back.
    Restore {
        /// The folder.
        folder: PathBuf,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Say whether the settings are right, and what they are.
    Check,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make an admin; the password is read from standard input.
    Create {
        /// Where letters go.
        #[arg(long)]
        email: String,
        /// Name in addresses.
        #[arg(long)]
        handle: String,
    },
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(WORKER_ARGUMENT) {
        return oto_media::worker::main();
    }
    #[cfg(unix)]
    {
        // Whatever is written is for its owner, and for a group where the system says so: others on this
        // machine read neither letters nor hashes of passwords.
        let others = rustix::fs::Mode::RWXO;
        let before = rustix::process::umask(others);
        rustix::process::umask(before | others);
    }
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime
        .context("threads cannot be started")
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Errors of the backend say their cause themselves.
            let said = error
                .downcast_ref::<oto_backend::BackendError>()
                .map_or_else(|| format!("{error:#}"), ToString::to_string);
            eprintln!("oto-backend: {said}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let read = || Config::read(arguments.config.as_deref());
    match arguments.command {
        Command::Openapi => print!("{}", ops::openapi()),
        Command::Serve => serve(read()?).await?,
        Command::Check => {
            let config = read()?;
            ops::check(&config)?;
            println!("listen {}", config.listen);
            println!("public_url {}", config.public_url);
            println!("data_dir {}", config.data_dir.display());
            println!("storage_url {}", config.storage_url);
            println!("engines {}", config.engines.len());
            println!("the settings are right");
        }
        Command::Migrate => {
            ops::migrate(&read()?).await?;
            println!("the database is up to date");
        }
        Command::Admin { command: AdminCommand::Create { email, handle } } => {
            let mut secret = String::new();
            std::io::stdin()
                .read_to_string(&mut secret)
                .context("the password cannot be read from standard input")?;
            let secret = SecretString::from(secret.trim_end_matches(['\r', '\n']));
            ops::create_admin(&read()?, &email, &handle, &secret)
                .await
                .map_err(anyhow::Error::msg)?;
            println!("{handle} is an admin");
        }
        Command::Backup { folder } => {
            ops::backup::create(&read()?, &folder).await?;
            told("written and read back", &ops::backup::verify(&folder)?)?;
        }
        Command::Verify { folder } => told("read back", &ops::backup::verify(&folder)?)?,
        Command::Restore { folder } => {
            told("restored and read back", &ops::restore::restore(&read()?, &folder).await?)?;
        }
    }
    Ok(())
}

/// Says what a backup holds; one that lacks something is a failure, however well it was written.
fn told(what: &str, manifest: &ops::backup::Manifest) -> Result<()> {
    let rows: u64 = manifest.rows.values().sum();
    let bytes: u64 = manifest.media.values().sum();
    println!(
        "{what}: {rows} rows, {} media with {bytes} bytes, {} millionths of a token",
        manifest.media.len(),
        manifest.people_micro
    );
    if let Some(n) = manifest.broken_audit {
        anyhow::bail!(
            "row {n} of the audit log was changed before this backup was made; everything else is whole"
        );
    }
    if manifest.missing.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "{} media that works need were not in the store when this was made, and are not in it:\n{}",
        manifest.missing.len(),
        manifest.missing.join("\n")
    )
}

async fn serve(config: Config) -> Result<()> {
    let traces = oto_backend::observe::start(config.otlp_url.as_deref())?;
    let workers = Workers::of_this_program()?;
    let served = Served::start(config, workers).await?;
    println!("oto-backend answers at http://{}", served.address);
    stop_signal().await?;
    served.stop().await;
    traces.end();
    Ok(())
}

/// Waits for Ctrl+C, or for what a service manager sends.
async fn stop_signal() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate()).context("signals cannot be heard")?;
        tokio::select! {
            outcome = tokio::signal::ctrl_c() => outcome.context("signals cannot be heard"),
            _ = term.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context("signals cannot be heard")
}
