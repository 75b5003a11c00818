//! Who may use whom, from `cargo tree`; what is not listed is forbidden. Bans hold through any
//! number of crates between, and the offending path is printed.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cargo, root};

/// Crate, crates of ours it may use, crates it must not reach.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str]);

const RULES: &[Rule] = &[
    ("oto-board", &[], &["serde", "tokio", "bevy", "egui", "rusqlite", "reqwest", "axum"]),
    ("oto-shaders", &[], &["bevy", "wgpu"]),
    ("oto-api-types", &[], &["tokio", "reqwest", "axum", "sqlx", "bevy", "egui"]),
    ("oto-media", &[], &["bevy", "egui", "tokio", "reqwest", "sqlx", "rusqlite"]),
    ("oto-storage", &["oto-board"], &["bevy", "egui", "tokio", "reqwest", "sqlx", "gstreamer"]),
    (
        "oto-canvas",
        &["oto-board", "oto-shaders"],
        &["egui", "rusqlite", "sqlx", "reqwest", "tokio", "gstreamer", "keyring-core"],
    ),
    ("oto-engines", &["oto-media"], &["axum", "sqlx", "rusqlite", "keyring-core", "bevy", "egui"]),
    ("oto-backend-client", &["oto-api-types"], &["axum", "sqlx", "rusqlite", "bevy", "egui"]),
    (
        "oto-backend",
        &["oto-api-types", "oto-engines", "oto-media"],
        &["rusqlite", "keyring-core", "bevy", "egui"],
    ),
    (
        "oto-app",
        &[
            "oto-board",
            "oto-canvas",
            "oto-storage",
            "oto-media",
            "oto-backend-client",
            "oto-api-types",
            "oto-backend",
        ],
        &[],
    ),
    ("xtask", &[], &["bevy", "tokio"]),
];

/// Crates the app must not name itself; it reaches them through ours.
const NOT_DIRECTLY_IN_APP: &[&str] = &[
    "tokio",
    "rusqlite",
    "sqlx",
    "reqwest",
    "keyring-core",
    "gstreamer",
    "oto-engines",
    "oto-shaders",
];

/// One version of each in the lock file.
const SINGLE: &[&str] = &["libsqlite3-sys", "egui", "wgpu", "parley"];

fn tree(package: &str, depth: Option<u32>) -> Result<String> {
    let mut arguments = vec![
        "tree".to_owned(),
        "--locked".to_owned(),
        "-p".to_owned(),
        package.to_owned(),
        "-e".to_owned(),
        "normal".to_owned(),
        "--prefix".to_owned(),
        "depth".to_owned(),
    ];
    if let Some(depth) = depth {
        arguments.extend(["--depth".to_owned(), depth.to_string()]);
    }
    let out = Command::new(cargo())
        .args(&arguments)
        .current_dir(root()?)
        .output()
        .context("cargo tree could not be started")?;
    if !out.status.success() {
        bail!("cargo tree -p {package} failed: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// "3serde v1.0" as depth and name.
fn parse(line: &str) -> Option<(usize, &str)> {
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let depth = line.get(..digits)?.parse().ok()?;
    Some((depth, line.get(digits..)?.split_whitespace().next()?))
}

pub(super) fn check() -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (package, ours, banned) in RULES {
        for (_, name) in
            tree(package, Some(1))?.lines().filter_map(parse).filter(|(depth, _)| *depth == 1)
        {
            if name.starts_with("oto-") && !ours.contains(&name) {
                wrong.push(format!("{package} may not use {name}"));
            }
            if *package == "oto-app" && NOT_DIRECTLY_IN_APP.contains(&name) {
                wrong.push(format!("{package} may not use {name} itself"));
            }
        }
        let mut path: Vec<&str> = Vec::new();
        let whole = tree(package, None)?;
        for (depth, name) in whole.lines().filter_map(parse) {
            path.truncate(depth);
            path.push(name);
            if banned.contains(&name) {
                wrong.push(format!("{package} may not reach {name}: {}", path.join(" → ")));
            }
        }
    }
    let lock =
        std::fs::read_to_string(root()?.join("Cargo.lock")).context("Cargo.lock cannot be read")?;
    for name in SINGLE {
        let n = lock.lines().filter(|l| *l == format!("name = \"{name}\"")).count();
        if n != 1 {
            wrong.push(format!("there are {n} versions of {name} in Cargo.lock, not one"));
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_of_the_tree_are_read() {
        assert_eq!(super::parse("12serde v1.0.229 (*)"), Some((12, "serde")));
        assert_eq!(super::parse("0oto-board v0.1.0 (/x)"), Some((0, "oto-board")));
        assert_eq!(super::parse(""), None);
    }
}
