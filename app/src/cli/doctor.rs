//! `oto doctor`: what works on this machine, and what to do about what does not.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use oto_api_types::CheckState;
use oto_backend_client::{CredentialError, Credentials, Event};
use oto_media::worker::{Isolation, Workers};
use serde_json::json;

use super::print_json;
use crate::data::DataDir;
use crate::home::{LocalHome, credentials};

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

struct Finding {
    what: String,
    ok: bool,
    sentence: String,
}

pub(super) fn run(data: &DataDir, args: &DoctorArgs) -> Result<ExitCode> {
    let mut findings = Vec::new();
    let mut found = |what: &str, ok: bool, sentence: String| {
        findings.push(Finding { what: what.to_owned(), ok, sentence });
    };
    found("data folder", true, data.root().display().to_string());
    let display = std::env::var_os("WAYLAND_DISPLAY").is_some()
        || std::env::var_os("DISPLAY").is_some()
        || !cfg!(target_os = "linux");
    found(
        "display",
        display,
        if display { "there is one" } else { "there is none: commands work, the window does not" }
            .to_owned(),
    );
    match Credentials::default().get("oto-doctor") {
        Ok(_) => found("keyring", true, "keys can be kept".to_owned()),
        Err(error) => {
            found(
                "keyring",
                false,
                format!("{error}; works open without it, keys go into memory or an encrypted file"),
            );
        }
    }
    let keys = credentials(data);
    if keys.has_file() {
        let told = match keys.place_of("oto-doctor") {
            Err(error @ (CredentialError::FileDamaged | CredentialError::FileRefused)) => {
                Err(error)
            }
            _ => Ok("there is one; it opens with its passphrase".to_owned()),
        };
        found("file of keys", told.is_ok(), told.unwrap_or_else(|e| e.to_string()));
    }
    match Workers::of_this_program().and_then(|workers| workers.isolation()) {
        Ok(report) => {
            found("isolation", report.isolation == Isolation::Full, report.sentence());
        }
        Err(error) => found("isolation", false, error.to_string()),
    }
    match LocalHome::ask(data) {
        Err(error) => found("backend", false, format!("{error:#}")),
        Ok(home) => {
            found("backend", true, "starts".to_owned());
            for id in ["local-text", "local-image", "local-voice", "local-music", "local-film"] {
                home.client.check(id.to_owned());
                let told = loop {
                    match home.client.wait_event(Duration::from_secs(60)) {
                        Some(Event::Checked { result, .. }) => break Some(result),
                        Some(_) => {}
                        None => break None,
                    }
                };
                match told {
                    Some(Ok(check)) => found(id, check.state == CheckState::Ready, check.sentence),
                    Some(Err(error)) => found(id, false, error.to_string()),
                    None => found(id, false, "no answer".to_owned()),
                }
            }
        }
    }
    let needed = |f: &&Finding| !matches!(f.what.as_str(), "display" | "keyring" | "isolation");
    let all_well = findings.iter().filter(needed).all(|f| f.ok);
    if args.json {
        let rows: Vec<_> = findings
            .iter()
            .map(|f| json!({ "what": f.what, "ok": f.ok, "sentence": f.sentence }))
            .collect();
        print_json(&json!({ "ok": all_well, "findings": rows }));
    } else {
        for finding in &findings {
            println!(
                "{} {:12} {}",
                if finding.ok { "✓" } else { "✗" },
                finding.what,
                finding.sentence
            );
        }
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
