//! Keys where there is no keyring: in an encrypted file that opens with a passphrase from a file, and
//! never found in the clear in anything oTo writes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const KEY: &str = "oto-CANARY-9d04b1";
const PASSPHRASE: &str = "a tram climbs at dawn";

struct Oto<'a> {
    data: &'a Path,
    passphrase: &'a Path,
}

impl Oto<'_> {
    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oto"))
            .args(arguments)
            .env("OTO_DATA_DIR", self.data)
            .env("OTO_PASSPHRASE_FILE", self.passphrase)
            // No keyring answers here.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/oto-test")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let out = self.run(arguments, "");
        let (told, errors) = (said(&out.stdout), said(&out.stderr));
        serde_json::from_str(&told).unwrap_or_else(|_| panic!("{arguments:?}: {told}{errors}"))
    }

    fn does(&self, arguments: &[&str], input: &str) {
        let out = self.run(arguments, input);
        assert!(out.status.success(), "{arguments:?}: {}", said(&out.stderr));
    }
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn without_a_keyring_a_key_is_kept_in_the_encrypted_file() {
    let folder = tempfile::tempdir().unwrap();
    let (data, passphrase) = (folder.path().join("data"), folder.path().join("passphrase"));
    std::fs::write(&passphrase, format!("{PASSPHRASE}\n")).unwrap();
    let oto = Oto { data: &data, passphrase: &passphrase };
    // Nobody listens on port 9: the check says so, and has used the key.
    let add = ["engines", "add", "lab", "--type", "openai", "--base-url", "http://127.0.0.1:9/v1"];
    oto.does(&add, "");
    let refused = oto.run(&["keys", "set", "lab"], KEY);
    let told = said(&refused.stderr);
    assert!(!refused.status.success() && told.contains("--store file"), "{told}");
    oto.does(&["keys", "set", "lab", "--store", "file"], &format!("{KEY}\n"));
    let listed = oto.json(&["keys", "list", "--json"]);
    assert_eq!(listed["keys"][0]["store"], "file");
    assert!(listed["keys"][0]["last_used"].is_null());
    assert_eq!(oto.json(&["engines", "test", "lab", "--json"])["state"], "unreachable");
    assert!(oto.json(&["keys", "list", "--json"])["keys"][0]["last_used"].is_string());

    let mut found = Vec::new();
    files(&data, &mut found);
    assert!(found.iter().any(|f| f.ends_with("keys.enc")));
    for file in found {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [KEY, PASSPHRASE] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{file:?}");
        }
    }

    std::fs::write(&passphrase, "another passphrase").unwrap();
    let wrong = oto.run(&["keys", "remove", "lab"], "");
    let told = said(&wrong.stderr);
    assert!(!wrong.status.success() && told.contains("does not open"), "{told}");
    std::fs::write(&passphrase, PASSPHRASE).unwrap();
    oto.does(&["keys", "remove", "lab"], "");
    assert_eq!(oto.json(&["keys", "list", "--json"])["keys"][0]["has_key"], false);
}
