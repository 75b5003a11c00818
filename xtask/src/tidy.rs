//! House rules that a compiler does not know.

mod deps;
mod files;
mod frozen;

use anyhow::{Result, bail};

pub(crate) fn tidy() -> Result<()> {
    let mut wrong = deps::check()?;
    wrong.extend(files::check()?);
    wrong.extend(frozen::check()?);
    for line in &wrong {
        eprintln!("tidy: {line}");
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{} house rules are broken", wrong.len()) }
}
