//! `cargo xtask ci [STEP]`: what must hold before a change lands.

use anyhow::{Result, bail};

use crate::{cargo, packages, sh, test, tidy};

const STEPS: [&str; 5] = ["fmt", "tidy", "clippy", "test", "doc"];

pub(crate) fn ci(rest: &[String]) -> Result<()> {
    let chosen: Vec<&str> =
        if rest.is_empty() { STEPS.to_vec() } else { rest.iter().map(String::as_str).collect() };
    for step in chosen {
        eprintln!("── {step}");
        match step {
            "fmt" => sh(&cargo(), &["fmt", "--all", "--check"])?,
            "tidy" => tidy::tidy()?,
            "clippy" => {
                packages::install(false)?;
                sh(
                    &cargo(),
                    &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
                )?;
            }
            "test" => test::test(&[])?,
            "doc" => sh(&cargo(), &["doc", "--workspace", "--no-deps", "--locked"])?,
            other => bail!("there is no step “{other}”; there are {}", STEPS.join(", ")),
        }
    }
    Ok(())
}
