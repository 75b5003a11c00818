//! Every source file says first what it is for, and stays small.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::root;

/// Lines of a source file without its tests.
const MOST_LINES: usize = 800;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?
    {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found)?;
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// What is wrong with one file.
fn problems(name: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.starts_with("//! ") {
        wrong.push(format!("{name}: the first line must say what the file is for (//!)"));
    }
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let n = code.lines().count();
    if n > MOST_LINES {
        wrong.push(format!("{name}: {n} lines; split it"));
    }
    if name.ends_with("/mod.rs") {
        wrong.push(format!("{name}: modules are named after their file"));
    }
    for (i, line) in text.lines().enumerate() {
        let plain = line.contains("TODO") && !line.contains("TODO(") && !name.starts_with("xtask/");
        if plain {
            wrong.push(format!("{name}:{}: a TODO names somebody or an issue", i + 1));
        }
    }
    wrong
}

pub(super) fn check() -> Result<Vec<String>> {
    let root = root()?;
    let mut found = Vec::new();
    sources(&root, &mut found)?;
    found.sort();
    let mut wrong = Vec::new();
    for path in found {
        let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).with_context(|| format!("{name} cannot be read"))?;
        wrong.extend(problems(&name, &text));
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::problems;

    #[test]
    fn violations_are_found() {
        assert!(problems("a.rs", "//! What it is for.\nfn a() {}\n").is_empty());
        assert_eq!(problems("a.rs", "fn a() {}\n").len(), 1);
        assert_eq!(problems("a/mod.rs", "//! x\n").len(), 1);
        assert_eq!(problems("a.rs", &format!("//! x\n{}", "\n".repeat(900))).len(), 1);
        assert_eq!(problems("a.rs", "//! x\n// TODO later\n").len(), 1);
    }
}
