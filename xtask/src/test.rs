//! `cargo xtask test`: packages, then every test, with nextest where it is installed.

use anyhow::Result;

use crate::{cargo, packages, sh, tidy};

pub(crate) fn test(rest: &[String]) -> Result<()> {
    packages::install(true)?;
    tidy::tidy()?;
    let nextest = std::process::Command::new(cargo())
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|o| o.status.success());
    let mut arguments = if nextest { vec!["nextest", "run"] } else { vec!["test"] };
    arguments.extend(["--workspace", "--locked"]);
    arguments.extend(rest.iter().map(String::as_str));
    sh(&cargo(), &arguments)
}
