//! The passphrase of the encrypted file of keys: from a file that the environment names, or typed on
//! the terminal without being shown. Never an argument, and never standard input, which brings keys.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

/// Names the file that holds it.
const VARIABLE: &str = "OTO_PASSPHRASE_FILE";
/// A longer line is no passphrase.
const MOST_BYTES: u64 = 4_096;

/// From the file that the environment names; none when it names none.
pub(crate) fn from_environment() -> Option<Result<SecretString>> {
    let path = PathBuf::from(std::env::var_os(VARIABLE)?);
    Some(from_file(&path).with_context(|| format!("{VARIABLE} names {}", path.display())))
}

fn from_file(path: &Path) -> Result<SecretString> {
    let file = std::fs::File::open(path).context("the file of the passphrase cannot be opened")?;
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES as usize));
    file.take(MOST_BYTES).read_to_string(&mut text).context("it cannot be read as text")?;
    line_of(&text)
}

/// Editors and `echo` end a file with a new line; it is no part of the passphrase.
fn line_of(text: &str) -> Result<SecretString> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains('\n') {
        bail!("a passphrase is one line");
    }
    Ok(SecretString::from(line))
}

/// Typed on the terminal, twice where it is a new one.
#[cfg(unix)]
pub(crate) fn from_terminal(is_new: bool) -> Result<SecretString> {
    use secrecy::ExposeSecret;
    let typed = terminal::ask("Passphrase of the file of keys: ")?;
    if is_new {
        let again = terminal::ask("The same again: ")?;
        if typed.expose_secret() != again.expose_secret() {
            bail!("the two passphrases differ; nothing was changed");
        }
    }
    Ok(typed)
}

#[cfg(not(unix))]
pub(crate) fn from_terminal(_is_new: bool) -> Result<SecretString> {
    bail!("write the passphrase into a file of yours and name it in {VARIABLE}")
}

#[cfg(unix)]
mod terminal {
    use std::fs::{File, OpenOptions};
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use anyhow::{Context, Result};
    use secrecy::SecretString;
    use secrecy::zeroize::Zeroizing;

    /// Shows what is typed again, whatever happens.
    struct Silent(File);

    impl Silent {
        fn new(terminal: &File) -> Result<Self> {
            let silent = Self(terminal.try_clone()?);
            silent.set("-echo").context("the terminal cannot hide what is typed")?;
            Ok(silent)
        }

        fn set(&self, mode: &str) -> Result<()> {
            let status = Command::new("stty")
                .arg(mode)
                .stdin(Stdio::from(self.0.try_clone()?))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            status.success().then_some(()).context("stty did not work")
        }
    }

    impl Drop for Silent {
        fn drop(&mut self) {
            // Nothing more can be done for it.
            self.set("echo").ok();
        }
    }

    /// Ctrl+C ends the program, and shows again what is typed.
    fn watch(terminal: &File) -> Result<signal_hook::iterator::Handle> {
        let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT])?;
        let (handle, own) = (signals.handle(), Silent(terminal.try_clone()?));
        std::thread::Builder::new().name("oto-interrupt".to_owned()).spawn(move || {
            if signals.forever().next().is_some() {
                drop(own);
                std::process::exit(130);
            }
            // Closed: whoever asked shows what is typed again.
            std::mem::forget(own);
        })?;
        Ok(handle)
    }

    pub(super) fn ask(question: &str) -> Result<SecretString> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").context(
            "there is no terminal to type the passphrase on; name a file that holds it in OTO_PASSPHRASE_FILE",
        )?;
        let silent = Silent::new(&terminal)?;
        let watch = watch(&terminal)?;
        terminal.write_all(question.as_bytes())?;
        let mut line = Zeroizing::new(String::with_capacity(super::MOST_BYTES as usize));
        BufReader::new(terminal.try_clone()?).read_line(&mut line)?;
        watch.close();
        drop(silent);
        terminal.write_all(b"\n")?;
        super::line_of(&line)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_passphrase_is_the_one_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        for (text, line) in [
            ("a tram at dawn\n", Some("a tram at dawn")),
            ("a tram\r\n", Some("a tram")),
            (" spaces stay ", Some(" spaces stay ")),
            ("two\nlines\n", None),
            ("\n", None),
            ("", None),
        ] {
            std::fs::write(&path, text).unwrap();
            let read = from_file(&path).ok();
            assert_eq!(read.as_ref().map(|p| p.expose_secret()), line, "{text:?}");
        }
        assert!(from_file(&folder.path().join("none")).is_err());
    }
}
