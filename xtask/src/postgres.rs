//! A PostgreSQL for the tests: in a folder of its own, on a port of its own, as an ordinary user, gone
//! when the tests have ended.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A running server.
pub(crate) struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    url: String,
}

/// Newest first: Debian keeps each version in a folder of its own.
fn programs() -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|all| all.flatten().map(|e| e.path().join("bin")).collect())
        .unwrap_or_default();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    found.sort();
    found.reverse();
    found.extend(std::env::split_paths(&paths));
    found
        .into_iter()
        .find(|folder| folder.join("initdb").is_file())
        .context("PostgreSQL (initdb) is not installed, and the tests need it")
}

fn is_root() -> bool {
    let out = Command::new("id").arg("-u").output();
    out.is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs()?;
        let folder = std::env::temp_dir().join(format!("oto-test-postgres-{}", std::process::id()));
        // Left by a process of the same number that was killed.
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder)?;
        if is_root() {
            // It refuses to run as root.
            run(Command::new("chown").arg("postgres").arg(&folder), "chown")?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("postgres://postgres@127.0.0.1:{port}");
        let server = Self { folder, programs, url };
        let data = server.folder.join("data");
        let mut init = server.program("initdb");
        init.arg("-D").arg(&data).args(["-A", "trust", "-U", "postgres", "--no-sync"]);
        run(&mut init, "initdb")?;
        // What a test writes need not outlive the power.
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c max_connections=400",
            server.folder.display()
        );
        let mut start = server.program("pg_ctl");
        start.arg("-D").arg(&data).arg("-o").arg(options);
        start.arg("-l").arg(server.folder.join("log")).args(["-w", "start"]);
        run(&mut start, "pg_ctl")?;
        Ok(server)
    }

    /// Where it is, without a database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        if !is_root() {
            return Command::new(path);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.program("pg_ctl");
        stop.arg("-D").arg(self.folder.join("data")).args(["-m", "immediate", "stop"]);
        // What cannot be stopped ends with the machine; the tests have their result.
        run(&mut stop, "pg_ctl").ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn run(command: &mut Command, name: &str) -> Result<()> {
    let out = command
        .current_dir(Path::new("/"))
        .stdin(Stdio::null())
        // A server keeps what it was given open: a pipe would never end.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("{name} could not be started"))?;
    if !out.success() {
        bail!("{name} failed; PostgreSQL could not be started for the tests");
    }
    Ok(())
}
