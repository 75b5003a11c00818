//! `cargo xtask run | test | tidy | ci`: everything a fresh machine needs, in one command each.
//! Depends on next to nothing, so that the first thing a newcomer builds is ready in seconds.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

mod ci;
mod packages;
mod postgres;
mod run;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first().map(|(c, rest)| (c.as_str(), rest)) {
        Some(("run", rest)) => run::run(rest),
        Some(("test", rest)) => test::test(rest),
        Some(("tidy", _)) => tidy::tidy(),
        Some(("ci", rest)) => ci::ci(rest),
        _ => {
            eprintln!("cargo xtask run    install what oTo needs, build it and open the desk");
            eprintln!("cargo xtask test   install what the tests need and run all of them");
            eprintln!(
                "cargo xtask tidy   check house rules: dependencies, files, frozen migrations"
            );
            eprintln!("cargo xtask ci     format, clippy, tidy, tests, docs");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace. Asked of cargo when this runs: a target folder that two checkouts share
/// keeps the program of one of them.
fn root() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map(PathBuf::from).context("xtask lies outside the workspace")
}

/// Runs a program and fails when it does.
fn sh(program: &str, arguments: &[&str]) -> Result<()> {
    sh_with(program, arguments, &[])
}

/// The same with more in its environment.
fn sh_with(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root()?)
        .status()
        .with_context(|| format!("{program} could not be started"))?;
    if !status.success() {
        bail!("{program} {} failed", arguments.join(" "));
    }
    Ok(())
}

/// The cargo that called this program.
fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
