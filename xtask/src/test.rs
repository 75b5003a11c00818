//! `cargo xtask test`: packages, then every test, with nextest where it is installed.

use anyhow::Result;

use crate::postgres::Postgres;
use crate::{cargo, packages, sh_with, tidy};

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
    // Gone with its files when the tests have ended, however they ended.
    let postgres = Postgres::start()?;
    sh_with(&cargo(), &arguments, &[("OTO_TEST_POSTGRES", postgres.url())])
}
