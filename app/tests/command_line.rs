//! The program as a user calls it: real workers, a real backend, no network. Results are read back
//! from what it wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

struct Oto {
    folder: tempfile::TempDir,
}

impl Oto {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oto"));
        command
            .arg("--data-dir")
            .arg(self.folder.path())
            .args(arguments)
            .env_remove("OTO_DATA_DIR");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let out = self.run(arguments);
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).expect("one JSON document on stdout")
    }

    fn fails(&self, arguments: &[&str], code: i32, word: &str) {
        let out = self.run(arguments);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(word), "{arguments:?}: {told}");
        assert!(out.stdout.is_empty(), "{arguments:?} printed on stdout");
    }

    fn make(&self, agent: &str, more: &[&str]) -> Value {
        let mut arguments = vec!["make", "wall", "--agent", agent, "--seed", "28", "--json"];
        arguments.extend(more);
        self.json(&arguments)
    }
}

fn id_of(made: &Value) -> String {
    made["notes"][0]["id"].as_str().unwrap().to_owned()
}

fn path_of(made: &Value) -> PathBuf {
    PathBuf::from(made["notes"][0]["asset"]["path"].as_str().unwrap())
}

fn probe(path: &Path) -> Value {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-print_format", "json", "-show_streams", "-show_format"])
        .arg(path)
        .output()
        .unwrap();
    serde_json::from_slice(&out.stdout).unwrap()
}

fn png(path: &Path) -> image::RgbaImage {
    image::load_from_memory(&std::fs::read(path).unwrap()).unwrap().into_rgba8()
}

#[test]
fn from_a_prompt_to_a_film_with_its_thread_of_making() {
    let oto = Oto::new();
    oto.json(&["board", "new", "wall", "--json"]);
    let prompt = ["--prompt", "Lisbon at dawn, a cat counts the trams"];
    let text = oto.make("Writer", &prompt);
    let image = oto.make("Painter", &prompt);
    let again = oto.make("Painter", &prompt);
    assert_eq!(path_of(&image), path_of(&again), "same prompt and seed give the same bytes");
    let voice = oto.make("Voice", &["--from", &id_of(&text)]);
    let sources = [id_of(&text), id_of(&image), id_of(&voice)];
    let mut from = vec!["--set", "quality=184"];
    sources.iter().for_each(|s| from.extend(["--from", s.as_str()]));
    let film = oto.make("Film", &from);

    let picture = png(&path_of(&image));
    assert_eq!(picture.dimensions(), (1280, 960));
    let told = probe(&path_of(&film));
    let kinds: Vec<&str> = told["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["codec_type"].as_str().unwrap())
        .collect();
    assert_eq!(
        (
            kinds.iter().filter(|k| **k == "video").count(),
            kinds.iter().filter(|k| **k == "audio").count()
        ),
        (1, 1)
    );
    let seconds = |v: &Value| v["format"]["duration"].as_str().unwrap().parse::<f64>().unwrap();
    let spoken = seconds(&probe(&path_of(&voice)));
    // The title, and the silence around what is said.
    let difference = seconds(&told) - (spoken + 2.8);
    assert!(difference.abs() < 0.5, "film {} s, narration {spoken} s", seconds(&told));

    let thread = oto.json(&["lineage", "wall", &id_of(&film), "--json"]);
    let mut agents: Vec<&str> =
        thread["agents"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
    agents.sort_unstable();
    assert_eq!(agents, ["Film", "Painter", "Voice", "Writer"]);
    let found: Vec<String> = thread["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["id"].as_str().unwrap().to_owned())
        .collect();
    // And the music, which is made with the film.
    assert!(sources.iter().all(|s| found.contains(s)) && found.len() == sources.len() + 1);

    let notes = oto.json(&["notes", "wall", "--json"]);
    let check = oto.json(&["board", "check", "wall", "--json"]);
    assert_eq!(check["notes"].as_u64(), Some(notes["notes"].as_array().unwrap().len() as u64));
    assert_eq!((check["ok"].as_bool(), check["runs"].as_u64()), (Some(true), Some(6)));
    assert_eq!(
        oto.json(&["notes", "wall", "--kind", "image", "--json"])["notes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let out = oto.folder.path().join("out/film.mp4");
    assert!(
        oto.run(&["save", "wall", &id_of(&film), "--out", out.to_str().unwrap()]).status.success()
    );
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(path_of(&film)).unwrap());

    // The picture of the wall has gold, prints and strings in it, and the dark one is darker.
    let shot = oto.folder.path().join("wall.png");
    let dark = oto.folder.path().join("dark.png");
    assert!(
        oto.run(&["shot", "wall", "--out", shot.to_str().unwrap(), "--size", "800x500"])
            .status
            .success()
    );
    assert!(
        oto.run(&["shot", "wall", "--out", dark.to_str().unwrap(), "--size", "800x500", "--dark"])
            .status
            .success()
    );
    let (light, dark) = (png(&shot), png(&dark));
    let count = |image: &image::RgbaImage, fits: fn([u8; 3]) -> bool| {
        image.pixels().filter(|p| fits([p.0[0], p.0[1], p.0[2]])).count()
    };
    let gold = count(&light, |[r, g, b]| r > 220 && g > 170 && b < 130);
    let wall = count(&light, |[r, g, b]| r > 225 && g > 220 && b > 205 && r >= b);
    let purple = count(&light, |[r, g, b]| r < 170 && g < 110 && b > 150);
    assert!(
        gold > 2_000 && wall > 100_000 && purple > 100,
        "gold {gold}, wall {wall}, purple {purple}"
    );
    assert!(count(&dark, |[r, _, _]| r < 80) > 100_000);

    // A flipped byte of a medium is found and named.
    let broken = path_of(&image);
    let mut bytes = std::fs::read(&broken).unwrap();
    bytes[500] ^= 1;
    std::fs::remove_file(&broken).unwrap();
    std::fs::write(&broken, bytes).unwrap();
    oto.fails(&["board", "check", "wall"], 1, "is damaged");
}

#[test]
fn wrong_input_is_answered_in_words() {
    let oto = Oto::new();
    oto.json(&["board", "new", "wall", "--json"]);
    oto.fails(&["board", "new", "wall"], 1, "already");
    oto.fails(&["notes", "nowhere"], 1, "No such file");
    oto.fails(&["notes", "wall", "--kind", "song"], 1, "there is no kind");
    oto.fails(&["make", "wall", "--agent", "Dancer", "--prompt", "x"], 1, "the tray has");
    oto.fails(&["make", "wall", "--agent", "Painter"], 1, "--prompt");
    oto.fails(
        &["make", "wall", "--agent", "Painter", "--prompt", "x", "--from", "nothing"],
        1,
        "there is no note",
    );
    oto.fails(
        &["make", "wall", "--agent", "Painter", "--prompt", "x", "--set", "style"],
        1,
        "KEY=VALUE",
    );
    oto.fails(
        &["make", "wall", "--agent", "Painter", "--prompt", "x", "--set", "style=baroque"],
        1,
        "knows the styles",
    );
    oto.fails(
        &["make", "wall", "--agent", "Film", "--prompt", "x", "--set", "aspect=2:1"],
        1,
        "16:9",
    );
    oto.fails(
        &["make", "wall", "--agent", "Voice", "--prompt", "x", "--set", "language=klingon-9"],
        1,
        "no voice",
    );
    oto.fails(
        &["make", "wall", "--agent", "Painter", "--prompt", "x", "--engine", "nobody"],
        1,
        "There is no engine",
    );
    oto.fails(&["shot", "wall", "--out", "/tmp/x.png", "--size", "0x9"], 1, "--size");
    oto.fails(
        &["engines", "add", "lab", "--type", "openai", "--base-url", "http://example.com/v1"],
        1,
        "https://",
    );
    oto.fails(&["engines", "remove", "lab"], 1, "no such");
    oto.fails(&["lineage"], 2, "Usage");
    oto.fails(&["dance"], 1, "there is no board");
    // Each refusal is on the board with its reason, and the board stays sound.
    let check = oto.json(&["board", "check", "wall", "--json"]);
    assert_eq!((check["ok"].as_bool(), check["runs"].as_u64()), (Some(true), Some(0)));
    let foreign = oto.folder.path().join("foreign.oto");
    std::fs::write(&foreign, "not a board").unwrap();
    oto.fails(&["notes", foreign.to_str().unwrap()], 1, "not an oTo board");
    assert_eq!(std::fs::read(&foreign).unwrap(), b"not a board");
}

/// A provider of predictions that takes its time; knows how often each prompt was asked for.
#[cfg(unix)]
mod lab {
    use std::collections::BTreeMap;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    pub(super) type Asked = Arc<Mutex<BTreeMap<String, u32>>>;

    const SCRIPT: &str = "{\"title\": \"Trams\", \"scenes\": [{\"narration\": \"The tram climbs.\", \"visual\": \"a tram\"}]}";

    fn id_of(prompt: &str) -> String {
        let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        format!("{:016x}", prompt.bytes().fold(0xcbf2_9ce4_8422_2325, add))
    }

    /// Its address, and what it was asked.
    pub(super) fn start() -> (String, Asked) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Asked::default();
        let keeps = Arc::clone(&asked);
        let serve = move || {
            for stream in listener.incoming().flatten() {
                let keeps = Arc::clone(&keeps);
                std::thread::Builder::new().spawn(move || answer(stream, &keeps)).unwrap();
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        (base, asked)
    }

    fn answer(mut stream: TcpStream, asked: &Asked) -> Option<()> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 16_384];
        let (head, body) = loop {
            let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
            bytes.extend_from_slice(&buffer[..n]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .lines()
                .find_map(|l| l.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
            if body.len() >= length.and_then(|l| l.parse().ok()).unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        };
        let reply = if head.starts_with("POST") {
            let body: serde_json::Value = serde_json::from_str(&body).ok()?;
            let prompt = body["input"]["prompt"].as_str()?.to_owned();
            // Paid for from here on, whether the answer arrives or not.
            *asked.lock().unwrap().entry(prompt.clone()).or_default() += 1;
            std::thread::sleep(Duration::from_millis(60));
            serde_json::json!({ "id": id_of(&prompt), "status": "starting" })
        } else {
            let asked = asked.lock().unwrap();
            let of_script =
                asked.keys().any(|p| p.contains("narration") && head.contains(&id_of(p)));
            let output = if of_script { SCRIPT } else { "The tram climbs." };
            serde_json::json!({ "status": "succeeded", "output": output })
        };
        let reply = reply.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            reply.len()
        );
        stream.write_all((head + &reply).as_bytes()).ok()
    }
}

/// The same with an engine that is paid: whatever moment the kill hits, nothing is asked for twice,
/// and what was paid for is there or is told.
#[cfg(unix)]
#[test]
fn killed_at_any_moment_nothing_is_paid_twice() {
    let oto = Oto::new();
    let (base, asked) = lab::start();
    oto.json(&["board", "new", "wall", "--json"]);
    let added = oto.run(&[
        "engines",
        "add",
        "lab",
        "--type",
        "replicate",
        "--base-url",
        &base,
        "--model",
        "o/m",
    ]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let kills: u64 = std::env::var("OTO_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    for i in 0..kills {
        let prompt = format!("tram {i}");
        let mut child = oto
            .command(&["make", "wall", "--agent", "Writer", "--engine", "lab", "--prompt", &prompt])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + i * 700 / kills));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let notes = || oto.json(&["notes", "wall", "--json"])["notes"].as_array().unwrap().clone();
    for _ in 0..20 {
        oto.make("Writer", &["--prompt", "the last one"]);
        if notes().iter().all(|n| n["state"] != "making") {
            break;
        }
    }
    let asked = asked.lock().unwrap();
    assert!(!asked.is_empty(), "every kill came too early");
    assert!(asked.values().all(|n| *n == 1), "{asked:?}");
    let notes = notes();
    let count = |state: &str, words: &str| {
        let told = |n: &&Value| n["reason"].as_str().unwrap_or_default().contains(words);
        notes.iter().filter(|n| n["state"] == state).filter(told).count()
    };
    assert_eq!(count("making", ""), 0, "something stays under way for ever");
    let (lost, early) = (count("failed", "paid twice"), count("failed", "before this was sent"));
    assert_eq!(count("failed", ""), lost + early, "another failure: {notes:?}");
    let done =
        notes.iter().filter(|n| n["state"] == "done" && n["text"] == "The tram climbs.").count();
    // What was paid is there or is told; told is also what was just about to be sent.
    let paid = asked.len();
    assert!(done <= paid && done + lost >= paid, "{done} there, {lost} told, {paid} paid");
}

/// The same for a film, whose script is paid for and whose other stages are made here.
#[cfg(unix)]
#[test]
fn killed_at_any_moment_a_film_goes_on_and_pays_nothing_twice() {
    let oto = Oto::new();
    let (base, asked) = lab::start();
    oto.json(&["board", "new", "wall", "--json"]);
    let config = ["--type", "replicate", "--base-url", &base, "--model", "o/m"];
    assert!(oto.run(&[&["engines", "add", "lab"][..], &config].concat()).status.success());
    let kills: u64 = std::env::var("OTO_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let set = ["script.engine=lab", "music=none", "titles=no", "size=120", "seconds=5"];
    let set = set.map(|s| ["--set", s]).concat();
    for i in 0..kills {
        let prompt = format!("film of tram {i}");
        let make = ["make", "wall", "--agent", "Film", "--prompt", &prompt];
        let mut child = oto
            .command(&[&make[..], &set].concat())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 + i * 2_500 / kills));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let notes = || oto.json(&["notes", "wall", "--json"])["notes"].as_array().unwrap().clone();
    for _ in 0..20 {
        oto.make("Writer", &["--prompt", "the last one"]);
        if notes().iter().all(|n| n["state"] != "making") {
            break;
        }
    }
    let asked = asked.lock().unwrap();
    assert!(asked.values().all(|n| *n == 1), "{asked:?}");
    let notes = notes();
    assert!(notes.iter().all(|n| n["state"] != "making"), "something stays under way for ever");
    for note in notes.iter().filter(|n| n["state"] == "failed") {
        let reason = note["reason"].as_str().unwrap();
        let told = ["paid twice", "before this was sent", "could not be made"];
        assert!(told.iter().any(|t| reason.contains(t)), "another failure: {note}");
    }
    let check = oto.json(&["board", "check", "wall", "--json"]);
    assert_eq!(check["ok"].as_bool(), Some(true), "{check}");
}

/// SIGKILL at instants spread over the whole of `oto make`: the board is sound each time, every run
/// reported as done is there, none twice. `OTO_KILLS` raises the number.
#[cfg(unix)]
#[test]
fn killed_at_any_moment_nothing_is_lost_or_made_twice() {
    let oto = Oto::new();
    oto.json(&["board", "new", "wall", "--json"]);
    let kills: u64 = std::env::var("OTO_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let mut reported: Vec<String> = Vec::new();
    let mut killed = 0;
    for i in 0..kills {
        let agent = ["Writer", "Painter", "Voice"][(i % 3) as usize];
        let out = oto.folder.path().join(format!("out{i}"));
        let mut child = oto
            .command(&[
                "make",
                "wall",
                "--agent",
                agent,
                "--prompt",
                "a tram in the rain",
                "--json",
            ])
            .stdout(std::fs::File::create(&out).unwrap())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(10 + i * 900 / kills));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        killed += u32::from(!status.success());
        if let Ok(made) = serde_json::from_slice::<Value>(&std::fs::read(&out).unwrap()) {
            reported.push(made["run"].as_str().unwrap().to_owned());
        }
        let check = oto.json(&["board", "check", "wall", "--json"]);
        assert_eq!(check["ok"].as_bool(), Some(true), "kill {i}: {check}");
    }
    assert!(killed > 0, "no kill hit a run");
    // One more run settles what was left: nothing stays under way for ever.
    oto.make("Writer", &["--prompt", "the last one"]);
    let notes = oto.json(&["notes", "wall", "--json"])["notes"].as_array().unwrap().clone();
    assert!(notes.iter().all(|n| n["state"] != "making"));
    // A failure can only be a job that was never sent, and it says so.
    let failed = notes.iter().filter(|n| n["state"] == "failed");
    failed.for_each(|n| {
        assert!(n["reason"].as_str().unwrap().contains("before this was sent"), "{n}");
    });
    let mut runs: Vec<String> = Vec::new();
    for note in notes.iter().filter(|n| n["state"] == "done") {
        let thread = oto.json(&["lineage", "wall", note["id"].as_str().unwrap(), "--json"]);
        runs.extend(
            thread["runs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["run"].as_str().unwrap().to_owned()),
        );
    }
    let n = runs.len();
    runs.sort();
    runs.dedup();
    assert_eq!(runs.len(), n, "a run is there twice");
    assert!(reported.iter().all(|r| runs.contains(r)), "a run that was reported is missing");
    let check = oto.json(&["board", "check", "wall", "--json"]);
    assert_eq!(check["runs"].as_u64(), Some(n as u64));
}
