//! Released migrations are never edited: their hashes stand in `migrations.frozen`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result};

use crate::root;

/// Folder of the migrations and the list beside it.
const FOLDER: &str = "storage/src/migrations";
const LIST: &str = "storage/src/migrations.frozen";

fn hash(text: &str) -> String {
    // A guard against a slip of the hand, not against an attacker.
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

pub(super) fn check() -> Result<Vec<String>> {
    let root = root()?;
    let list =
        fs::read_to_string(root.join(LIST)).with_context(|| format!("{LIST} cannot be read"))?;
    let mut wrong = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for entry in
        fs::read_dir(root.join(FOLDER)).with_context(|| format!("{FOLDER} cannot be read"))?
    {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    for name in &names {
        let text = fs::read_to_string(root.join(FOLDER).join(name))?;
        let line = format!("{} {name}", hash(&text));
        let listed = list.lines().find(|l| l.ends_with(name.as_str()));
        match listed {
            Some(found) if found == line => {}
            Some(_) => wrong.push(format!(
                "{FOLDER}/{name} was changed after its release; add a new migration instead"
            )),
            None => wrong.push(format!("{LIST} lacks the line: {line}")),
        }
    }
    for line in list.lines().filter(|l| !l.is_empty()) {
        if !names.iter().any(|n| line.ends_with(n.as_str())) {
            wrong.push(format!("a released migration is missing: {line}"));
        }
    }
    Ok(wrong)
}
