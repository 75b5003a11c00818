//! The command line. `--json` prints one document on stdout; people's messages go to stderr.
//! Exit codes: 0 only on success, 2 for wrong usage, 1 otherwise.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line speaks on stdout and stderr"
)]

mod bench;
mod board;
mod doctor;
mod engines;
mod lineage;
mod make;
mod notes;
mod server;
mod shot;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use oto_board::{Board, Note, NoteId};

use crate::data::DataDir;

pub(crate) use engines::OPENROUTER;
pub(crate) use make::lost_sentence;
pub(crate) use server::client_name;

#[derive(Debug, Parser)]
#[command(
    name = "oto",
    version,
    about = "An endless sheet of paper whose golden notes make things"
)]
struct Cli {
    /// Folder that holds everything oTo keeps.
    #[arg(long, global = true, env = "OTO_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Board to open.
    board: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, look at and check boards.
    #[command(subcommand)]
    Board(board::BoardCommand),
    /// List the notes of a board.
    Notes(notes::NotesArgs),
    /// Run an agent and pin what it makes.
    Make(make::MakeArgs),
    /// Tell how a work came to be.
    Lineage(lineage::LineageArgs),
    /// Download one work.
    Save(notes::SaveArgs),
    /// Take a picture of a board.
    Shot(shot::ShotArgs),
    /// What can make something here.
    #[command(subcommand)]
    Engines(engines::EnginesCommand),
    /// Keys of engines, in the keyring or an encrypted file; read from stdin, never from an argument.
    #[command(subcommand)]
    Keys(engines::KeysCommand),
    /// Tell what was made and what it cost, and set limits.
    Usage(usage::UsageArgs),
    /// Sign in at a server with a shared wall, in a browser.
    Login(server::LoginArgs),
    /// Sign out.
    Logout,
    /// Hang a work on the shared wall.
    Publish(server::PublishArgs),
    /// Take a work of yours off the shared wall, for good.
    Unpublish(server::UnpublishArgs),
    /// Tell who is signed in, and how many tokens are left.
    Account(server::AccountArgs),
    /// Walk the shared wall, in a window.
    Wall(server::WallArgs),
    /// Say what works on this machine.
    Doctor(doctor::DoctorArgs),
    /// Measure drawing, opening and editing on boards of any size.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Make a sample board with one work of each kind and a picture of it, without a window.
    Tour(make::TourArgs),
}

pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // Nothing more can be told when the terminal is gone.
            error.print().ok();
            return ExitCode::from(code);
        }
    };
    match carry_out(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("oto: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(cli: Cli) -> Result<ExitCode> {
    let data = DataDir::new(cli.data_dir)?;
    match cli.command {
        None => crate::desk::open(&data, cli.board).map(|()| ExitCode::SUCCESS),
        Some(Command::Board(command)) => board::run(&data, command),
        Some(Command::Notes(args)) => notes::list(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Make(args)) => make::run(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Lineage(args)) => lineage::run(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Save(args)) => notes::save(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Shot(args)) => shot::run(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Engines(command)) => engines::engines(&data, command),
        Some(Command::Keys(command)) => engines::keys(&data, command),
        Some(Command::Usage(args)) => usage::run(&data, &args),
        Some(Command::Login(args)) => server::login(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Logout) => server::logout(&data).map(|()| ExitCode::SUCCESS),
        Some(Command::Publish(args)) => server::publish(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Unpublish(args)) => {
            server::unpublish(&data, &args).map(|()| ExitCode::SUCCESS)
        }
        Some(Command::Account(args)) => server::account(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Wall(args)) => server::wall(&data, &args).map(|()| ExitCode::SUCCESS),
        Some(Command::Doctor(args)) => doctor::run(&data, &args),
        Some(Command::Bench(command)) => bench::run(&data, &command).map(|()| ExitCode::SUCCESS),
        Some(Command::Tour(args)) => make::tour(&data, &args).map(|()| ExitCode::SUCCESS),
    }
}

/// A note by id or by the first letters of it, or by its title when only one has it.
fn find_note(board: &Board, text: &str) -> Result<NoteId> {
    if let Ok(id) = text.parse::<NoteId>()
        && board.note(id).is_some()
    {
        return Ok(id);
    }
    let fits =
        |n: &&Note| n.title == text || (text.len() >= 8 && n.id.to_string().starts_with(text));
    let found: Vec<NoteId> = board.notes().filter(fits).map(|n| n.id).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => anyhow::bail!("there is no note “{text}” on this board; `oto notes` lists them"),
        _ => anyhow::bail!("“{text}” fits {} notes; name one by its id", found.len()),
    }
}

fn print_json(value: &serde_json::Value) {
    println!("{value}");
}
