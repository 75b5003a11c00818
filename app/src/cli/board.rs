//! `oto board new|info|check`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use oto_storage::{check_board, create_board, read_board};
use serde_json::json;

use super::print_json;
use crate::data::DataDir;

#[derive(Debug, Subcommand)]
pub(super) enum BoardCommand {
    /// Make an empty board.
    New {
        /// Path, or a name in the data folder.
        board: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what is on a board.
    Info {
        /// The board.
        board: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Verify journal, references and the bytes of all media.
    Check {
        /// The board.
        board: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(data: &DataDir, command: BoardCommand) -> Result<ExitCode> {
    match command {
        BoardCommand::New { board, json } => {
            let path = data.board(&board);
            create_board(&path)
                .with_context(|| format!("no board was made at {}", path.display()))?;
            if json {
                print_json(&json!({ "board": path }));
            } else {
                println!("{}", path.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        BoardCommand::Info { board, json } => {
            let path = data.board(&board);
            let loaded = read_board(&path)?;
            let b = &loaded.board;
            let bytes: u64 = b.assets().iter().map(|a| a.size_bytes).sum();
            for warning in &loaded.warnings {
                eprintln!("oto: {warning}");
            }
            if json {
                print_json(&json!({
                    "board": path, "notes": b.n_notes(), "twines": b.n_twines(), "runs": b.runs().len(),
                    "assets": b.assets().len(), "media_bytes": bytes, "transactions": b.seq(),
                    "warnings": loaded.warnings,
                }));
            } else {
                println!(
                    "{} notes, {} strings, {} runs, {} media files ({bytes} bytes)",
                    b.n_notes(),
                    b.n_twines(),
                    b.runs().len(),
                    b.assets().len()
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        BoardCommand::Check { board, json } => {
            let path = data.board(&board);
            let report = check_board(&path, &data.assets())?;
            let sound = report.problems.is_empty();
            if json {
                print_json(&json!({
                    "board": path, "ok": sound, "notes": report.notes, "twines": report.twines, "runs": report.runs,
                    "assets": report.assets, "transactions": report.transactions, "problems": report.problems,
                }));
            } else if sound {
                println!(
                    "sound: {} notes, {} strings, {} runs, {} media files, {} transactions",
                    report.notes, report.twines, report.runs, report.assets, report.transactions
                );
            }
            for problem in &report.problems {
                eprintln!("oto: {problem}");
            }
            Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}
