//! A recognisable key goes to an engine of every type, whose provider repeats it in whatever it
//! answers; then every file, database, output and crash file is searched for it, in every form it
//! could have taken. Real programs, no network.
#![cfg(target_os = "linux")]
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod provider;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use provider::{MOODS, Mood, Provider};
use serde_json::Value;

/// With signs that other forms write otherwise, and a colon for those that want name and password.
const KEY: &str = "canary-7f3a9d:e51c+b8/04=26";
const PASSPHRASE: &str = "a tram climbs at dawn";
/// A try that lasts longer is killed, which is one more thing to survive.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// For what must end well, on a machine that has much to do.
const LONG: Duration = Duration::from_secs(120);

/// What the engines of a type are and make.
struct Subject {
    adapter: &'static str,
    path: &'static str,
    model: &'static str,
    /// The agents that it works for.
    agents: &'static [&'static str],
    set: &'static [&'static str],
}

const WORKFLOW: &str = "workflow={\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"{{prompt}}\"}},\"9\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"6\",0]}}}";
const EDIT: &str = "edit={\"timeline\":{\"tracks\":[{\"clips\":[{\"asset\":{\"type\":\"image\",\"src\":\"https://example.com/a.png\"},\"start\":0,\"length\":2}]}]},\"output\":{\"format\":\"mp4\",\"size\":{\"width\":640,\"height\":360}}}";

const fn subject(
    adapter: &'static str,
    path: &'static str,
    model: &'static str,
    agents: &'static [&'static str],
    set: &'static [&'static str],
) -> Subject {
    Subject { adapter, path, model, agents, set }
}

const SUBJECTS: &[Subject] = &[
    subject("openai", "/v1", "m", &["Painter", "Writer"], &[]),
    subject("openai", "/v1", "m", &["Voice", "Film"], &[]),
    subject("comfy", "", "m.safetensors", &["Painter"], &[]),
    subject("comfy-v2", "", "", &["Painter"], &[WORKFLOW]),
    subject("replicate", "/v1", "o/m", &["Painter", "Writer"], &[]),
    subject("fal", "", "o/m/dev", &["Painter"], &[]),
    subject("elevenlabs", "", "", &["Voice"], &["voice=21m00Tcm4TlvDq8ikWAM"]),
    subject("stability", "", "core", &["Painter"], &[]),
    subject("runpod", "/v2", "ep1", &["Painter", "Writer"], &[]),
    subject("vast", "", "wan", &["Painter"], &[WORKFLOW]),
    subject("shotstack", "/edit/stage", "", &["Film"], &[EDIT]),
    subject("a1111", "", "", &["Painter"], &[]),
    subject("sdcpp", "", "", &["Painter"], &[]),
    subject("oto", "", "lab", &["Painter", "Writer"], &[]),
];

/// A data folder of its own, and everything else that a program may write into.
struct Oto {
    folder: tempfile::TempDir,
    n_runs: std::cell::Cell<u32>,
}

struct Ran {
    /// None when it was killed.
    code: Option<i32>,
    stdout: PathBuf,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_slice(&std::fs::read(&self.stdout).unwrap()).unwrap()
    }
}

impl Oto {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "home", "tmp", "cwd", "out"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("passphrase"), PASSPHRASE).unwrap();
        Self { folder, n_runs: std::cell::Cell::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Started; what it says goes into files that are searched like all others.
    fn start(&self, arguments: &[&str], input: &str) -> (Child, PathBuf) {
        self.n_runs.set(self.n_runs.get() + 1);
        let out = self.path("out").join(format!("{}.stdout", self.n_runs.get()));
        let home = self.path("home");
        let mut child = Command::new("sh")
            // A crash leaves its file in the working folder.
            .args(["-c", "ulimit -c unlimited; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_oto")])
            .args(arguments)
            .current_dir(self.path("cwd"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("XDG_RUNTIME_DIR", &home)
            .env("TMPDIR", self.path("tmp"))
            .env("OTO_DATA_DIR", self.path("data"))
            .env("OTO_PASSPHRASE_FILE", self.path("passphrase"))
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            // No keyring answers here.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/oto-test")
            .stdin(Stdio::piped())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(out.with_extension("stderr")).unwrap())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        (child, out)
    }

    /// To its end, or killed.
    fn run(&self, arguments: &[&str], input: &str) -> Ran {
        self.run_for(PATIENCE, arguments, input)
    }

    fn run_for(&self, patience: Duration, arguments: &[&str], input: &str) -> Ran {
        let (mut child, stdout) = self.start(arguments, input);
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Ran { code: status.code(), stdout };
            }
            if begun.elapsed() > patience {
                child.kill().unwrap();
                child.wait().unwrap();
                return Ran { code: None, stdout };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn does(&self, arguments: &[&str], input: &str) -> Ran {
        let ran = self.run_for(LONG, arguments, input);
        let told = std::fs::read_to_string(ran.stdout.with_extension("stderr")).unwrap();
        assert_eq!(ran.code, Some(0), "{arguments:?}: {told}");
        ran
    }

    fn leaks(&self) -> Vec<String> {
        leaks_in(self.folder.path())
    }
}

/// Standard alphabet, with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let all =
            chunk.iter().fold(0u32, |all, b| all << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let six = (all >> (18 - 6 * i) & 63) as usize;
            text.push(if i <= chunk.len() { char::from(ALPHABET[six]) } else { '=' });
        }
    }
    text
}

/// Every form that is searched for. Half the key is a leak too.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let half = &KEY[..11];
    let bytes = |text: String| text.into_bytes();
    let hexed = |text: &str| text.bytes().map(|b| format!("{b:02x}")).collect::<String>();
    let percent = |all: bool, low: bool| {
        let form = |b: u8| match b {
            b if !all && (b.is_ascii_alphanumeric() || b"-_.~".contains(&b)) => {
                char::from(b).to_string()
            }
            b if low => format!("%{b:02x}"),
            b => format!("%{b:02X}"),
        };
        KEY.bytes().map(form).collect::<String>()
    };
    let mut all = vec![
        ("plain", half.as_bytes().to_vec()),
        ("its end", KEY.as_bytes()[KEY.len() - 11..].to_vec()),
        ("reversed", half.bytes().rev().collect()),
        ("hexadecimal", bytes(hexed(half))),
        ("HEXADECIMAL", bytes(hexed(half).to_uppercase())),
        ("UTF-16", half.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("percent", bytes(percent(false, false))),
        ("percent, small", bytes(percent(false, true))),
        ("percent, every sign", bytes(percent(true, false)[..33].to_owned())),
    ];
    // Wherever it begins in what was written as base64; the edges depend on what stands beside it.
    for before in 0..3 {
        let text = base64(&[&[0; 3][..before], half.as_bytes()].concat());
        let inner = text.trim_end_matches('=');
        let from = [0, 2, 3][before];
        let inner = inner[from..inner.len() - 1].to_owned();
        all.push(("base64", bytes(inner.replace('+', "-").replace('/', "_"))));
        all.push(("base64", bytes(inner)));
    }
    all
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { files(&path, found) } else { found.push(path) }
    }
}

/// Where the key is, in names and in bytes.
fn leaks_in(folder: &Path) -> Vec<String> {
    let (forms, mut found, mut leaks) = (forms(), Vec::new(), Vec::new());
    files(folder, &mut found);
    for file in found {
        let name = file.display().to_string();
        let bytes = std::fs::read(&file).unwrap_or_default();
        for (form, needle) in &forms {
            let is_in = |hay: &[u8]| hay.windows(needle.len()).any(|w| w == needle.as_slice());
            if is_in(name.as_bytes()) || is_in(&bytes) {
                leaks.push(format!("{form} in {name}"));
            }
        }
    }
    leaks
}

#[test]
fn the_search_finds_what_is_planted() {
    let folder = tempfile::tempdir().unwrap();
    let basic = base64(format!("Bearer {KEY}").as_bytes());
    let planted: Vec<(&str, Vec<u8>)> = vec![
        ("plain", KEY.into()),
        ("cut", KEY[..12].into()),
        ("base64", base64(KEY.as_bytes()).into()),
        ("header", basic.into()),
        ("name-password", base64(format!("ab:{KEY}").as_bytes()).into()),
        ("percent", "canary-7f3a9d%3Ae51c%2Bb8%2F04%3D26".into()),
        ("reversed", KEY.chars().rev().collect::<String>().into()),
        ("wide", KEY.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ];
    assert_eq!(leaks_in(folder.path()), Vec::<String>::new());
    for (name, bytes) in planted {
        let file = folder.path().join(name);
        std::fs::write(&file, [&b"some\0bytes"[..], &bytes, b"\xff\0more"].concat()).unwrap();
        assert!(!leaks_in(folder.path()).is_empty(), "{name} was not found");
        std::fs::remove_file(file).unwrap();
    }
    std::fs::write(folder.path().join(format!("job-{}", &KEY[..13])), "").unwrap();
    assert!(!leaks_in(folder.path()).is_empty(), "a name of a file was not looked at");
}

/// All that can be done with an engine of this type. What leaked, and where.
fn try_out(subject: &Subject) -> Vec<String> {
    let (oto, provider) =
        (Oto::new(), Provider::start(matches!(subject.adapter, "runpod" | "fal")));
    let base = format!("{}{}", provider.origin, subject.path);
    oto.does(&["board", "new", "wall"], "");
    let add = ["engines", "add", "lab", "--type", subject.adapter, "--base-url", &base];
    oto.does(&[&add[..], &["--model", subject.model]].concat(), "");
    oto.does(&["keys", "set", "lab", "--store", "file"], &format!("{KEY}\n"));
    // A source that was a picture once.
    let make =
        ["make", "wall", "--agent", "Painter", "--prompt", "a tram", "--seed", "28", "--json"];
    let source = oto.does(&make, "").json();
    let (note, asset) = (&source["notes"][0]["id"], &source["notes"][0]["asset"]["path"]);
    let asset = Path::new(asset.as_str().unwrap());
    let whole = std::fs::read(asset).unwrap();
    std::fs::remove_file(asset).unwrap();
    std::fs::write(asset, &whole[..whole.len() / 3]).unwrap();

    let set: Vec<&str> = subject.set.iter().flat_map(|s| ["--set", s]).collect();
    let mut killed = 0;
    for mood in MOODS {
        provider.becomes(mood);
        // To wait for one of them is enough.
        let stalls = matches!(mood, Mood::Stalls | Mood::ResultStalls);
        for agent in &subject.agents[..if stalls { 1 } else { subject.agents.len() }] {
            let prompt = format!("{mood:?}");
            let make = ["make", "wall", "--agent", agent, "--engine", "lab", "--prompt", &prompt];
            let with_source = mood == Mood::Page && subject.set.is_empty();
            let from = ["--from", note.as_str().unwrap()];
            let from = if with_source { &from[..] } else { &[] };
            let ran = oto.run(&[&make[..], &set, from].concat(), "");
            killed += u32::from(ran.code.is_none());
        }
        oto.run(&["engines", "test", "lab", "--json"], "");
        if matches!(mood, Mood::Refuses | Mood::Fails | Mood::Away) {
            oto.run(&["keys", "test", "lab"], "");
            oto.run(&["keys", "set", "lab", "--store", "session"], KEY);
        }
    }
    // What was kept, as it is told.
    for told in [
        &["notes", "wall", "--json"][..],
        &["keys", "list", "--json"],
        &["engines", "list", "--json"],
        &["usage", "--json"],
        &["board", "check", "wall", "--json"],
        &["doctor"],
    ] {
        oto.run(told, "");
    }
    let notes = oto.does(&["notes", "wall", "--json"], "").json();
    for note in notes["notes"].as_array().unwrap().iter().rev().take(4) {
        oto.run(&["lineage", "wall", note["id"].as_str().unwrap(), "--json"], "");
    }
    let name = subject.adapter;
    use std::sync::atomic::Ordering;
    assert!(provider.got_key.load(Ordering::Relaxed), "{name}: the key never came");
    assert!(provider.n_posts.load(Ordering::Relaxed) >= 3, "{name}: nothing was asked for");
    assert!(killed > 0, "{name}: nothing was killed");
    assert!(oto.path("data/keys.enc").exists());
    let mut leaks = oto.leaks();
    // Forgotten, it is gone as well.
    oto.does(&["keys", "remove", "lab"], "");
    oto.run(&["keys", "list"], "");
    leaks.extend(oto.leaks());
    leaks.into_iter().map(|leak| format!("{name}: {leak}")).collect()
}

#[test]
fn no_provider_makes_a_key_leak() {
    let oto = Oto::new();
    let types = oto.does(&["engines", "types", "--json"], "").json();
    let types = types["types"].as_array().unwrap();
    let types: BTreeSet<&str> = types.iter().map(|t| t["id"].as_str().unwrap()).collect();
    let covered: BTreeSet<&str> = SUBJECTS.iter().map(|s| s.adapter).collect();
    assert_eq!(types, covered, "every type of engine is tried");
    let leaks: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> =
            SUBJECTS.iter().map(|subject| scope.spawn(move || try_out(subject))).collect();
        running.into_iter().flat_map(|r| r.join().unwrap()).collect()
    });
    assert!(leaks.is_empty(), "the key leaked:\n{}", leaks.join("\n"));
}

/// The media worker of a run, once it is there.
fn worker_of(parent: u32) -> Option<String> {
    let path = format!("/proc/{parent}/task");
    for thread in std::fs::read_dir(path).ok()?.flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).ok()?;
        if let Some(child) = children.split_whitespace().next() {
            return Some(child.to_owned());
        }
    }
    None
}

#[test]
fn a_worker_that_crashes_leaves_no_key_behind() {
    let (oto, provider) = (Oto::new(), Provider::start(false));
    provider.becomes(Mood::Damaged);
    oto.does(&["board", "new", "wall"], "");
    let base = format!("{}/v1", provider.origin);
    let add = ["engines", "add", "lab", "--type", "openai", "--base-url", &base, "--model", "m"];
    oto.does(&add, "");
    oto.does(&["keys", "set", "lab", "--store", "file"], KEY);
    let mut crashed = 0;
    // A film is long enough to be hit; its script comes from the engine with the key, and fails.
    for _ in 0..3 {
        let set = ["--set", "script.engine=lab", "--set", "size=240"];
        let make = ["make", "wall", "--agent", "Film", "--prompt", "a tram in the rain"];
        let (mut child, _) = oto.start(&[&make[..], &set].concat(), "");
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() && begun.elapsed() < 4 * PATIENCE {
            if let Some(worker) = worker_of(child.id()) {
                let told = Command::new("kill").args(["-ABRT", &worker]).status().unwrap();
                crashed += u32::from(told.success());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child.kill().ok();
        child.wait().unwrap();
    }
    oto.run(&["notes", "wall", "--json"], "");
    assert!(crashed > 0, "no worker was there to crash");
    assert_eq!(oto.leaks(), Vec::<String>::new());
}
