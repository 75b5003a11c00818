//! Keys in a real keyring on a private bus: kept, listed, sent in their header only, forgotten, and
//! never found in anything oTo writes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

const KEY: &str = "oto-CANARY-51c7e2";

fn holds_key(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holds_key(&path));
        } else if std::fs::read(&path)
            .unwrap_or_default()
            .windows(KEY.len())
            .any(|w| w == KEY.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Takes one request, answers as a server with one model, gives the request.
fn one_request(listener: std::net::TcpListener) -> std::thread::JoinHandle<String> {
    std::thread::Builder::new()
        .spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = vec![0; 8192];
            let n = stream.read(&mut buffer).unwrap();
            let body = "{\"data\":[{\"id\":\"m\"}]}";
            let head = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            String::from_utf8_lossy(&buffer[..n]).into_owned()
        })
        .unwrap()
}

#[test]
fn a_key_lives_in_the_keyring_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (data, home) = (folder.path().join("data"), folder.path().join("home"));
    std::fs::create_dir_all(&home).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let asked = one_request(listener);
    let script = format!(
        "set -e
         printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
         $OTO engines add lab --type openai --base-url {url}
         printf '{KEY}' | $OTO keys set lab
         $OTO keys list --json
         $OTO engines test lab --json
         $OTO engines add lab --type openai --base-url http://127.0.0.1:9/v1
         $OTO keys list --json
         $OTO engines add lab --type openai --base-url {url}
         $OTO keys remove lab
         $OTO keys list --json"
    );
    let out = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", &script])
        .env("OTO", env!("CARGO_BIN_EXE_oto"))
        .env("OTO_DATA_DIR", &data)
        .env("HOME", &home)
        .env("XDG_RUNTIME_DIR", &home)
        .env_remove("XDG_DATA_HOME")
        .output()
        .unwrap();
    let (told, errors) = (
        String::from_utf8_lossy(&out.stdout).into_owned(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    );
    assert!(out.status.success(), "{told}\n{errors}");
    let lines: Vec<serde_json::Value> =
        told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["keys"][0]["has_key"], true);
    assert_eq!(
        (lines[1]["state"].as_str(), lines[1]["models"][0].as_str()),
        (Some("ready"), Some("m"))
    );
    assert_eq!(lines[2]["keys"][0]["has_key"], false, "a key does not go to another address");
    assert_eq!(lines[3]["keys"][0]["has_key"], false);
    let request = asked.join().unwrap();
    assert!(
        request.contains(&format!("Bearer {KEY}"))
            && !request.lines().next().unwrap().contains(KEY)
    );
    assert!(!told.contains(KEY) && !errors.contains(KEY));
    assert_eq!(holds_key(&data), Vec::<String>::new());
}
