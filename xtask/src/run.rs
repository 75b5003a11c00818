//! `cargo xtask run`: packages, an optimised build, the desk. Without a display, one work of each
//! kind on a fresh sample board and a picture of it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cargo, packages, root, sh};

/// Where cargo puts programs.
pub(crate) fn target_folder() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => Ok(root()?.join(folder)),
        None => Ok(root()?.join("target")),
    }
}

fn has_display() -> bool {
    !cfg!(target_os = "linux")
        || std::env::var_os("WAYLAND_DISPLAY").is_some()
        || std::env::var_os("DISPLAY").is_some()
}

pub(crate) fn run(rest: &[String]) -> Result<()> {
    packages::install(false)?;
    // The same profile and features as the tests, so that libraries are compiled once.
    sh(&cargo(), &["build", "--workspace", "--locked"])?;
    let program =
        target_folder()?.join("debug").join(if cfg!(windows) { "oto.exe" } else { "oto" });
    let mut command = Command::new(&program);
    if !has_display() && rest.is_empty() {
        eprintln!(
            "There is no display here, so the desk cannot open. Instead, one work of each kind is made on a sample board:"
        );
        command.arg("tour");
    }
    let status = command
        .args(rest)
        .status()
        .with_context(|| format!("{} could not be started", program.display()))?;
    if !status.success() {
        bail!("oto ended with an error");
    }
    Ok(())
}
