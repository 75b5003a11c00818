//! A provider in this process that answers as a script says, and keeps what it was asked.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oto_engines::*;
use oto_media::MediaError;
use oto_media::worker::Workers;
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Must never be seen but in the header that it belongs into.
pub(crate) const KEY: &str = "oto-CANARY-7f3a";
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
pub(crate) const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt ";
pub(crate) const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0";

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// "POST /v1/images".
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) manner: Manner,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Whole,
    /// The connection ends in the middle.
    CutOff,
    /// It never ends.
    Endless,
    /// The connection is closed without a word.
    Silent,
    /// It comes after a while.
    Late,
}

impl Reply {
    pub(crate) fn json(value: Value) -> Self {
        Self::bytes("application/json", value.to_string().into_bytes())
    }

    pub(crate) fn bytes(mime: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".to_owned(), mime.to_owned())],
            body: body.into(),
            manner: Manner::Whole,
        }
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

/// What a fake was asked, in order.
pub(crate) type Heard = Arc<Mutex<Vec<Asked>>>;
/// Answers requests; told the address of the fake without a path, such as `http://127.0.0.1:4711`.
pub(crate) type Script = dyn FnMut(&Asked, &str) -> Reply + Send;

pub(crate) struct Fake {
    /// Without a path.
    pub(crate) origin: String,
    heard: Heard,
}

impl Fake {
    pub(crate) fn start(script: impl FnMut(&Asked, &str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let heard = Heard::default();
        let (keeps, own) = (Arc::clone(&heard), origin.clone());
        let script = Arc::new(Mutex::new(script));
        let answering = move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (keeps, own, script) = (Arc::clone(&keeps), own.clone(), Arc::clone(&script));
                std::thread::Builder::new()
                    .spawn(move || {
                        serve(stream, &keeps, |asked| (*script.lock().unwrap())(asked, &own));
                    })
                    .unwrap();
            }
        };
        std::thread::Builder::new().spawn(answering).unwrap();
        Self { origin, heard }
    }

    pub(crate) fn heard(&self) -> Vec<Asked> {
        self.heard.lock().unwrap().clone()
    }

    /// Requests whose line begins so.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.heard().iter().filter(|a| a.line().starts_with(line)).count()
    }

    /// The engine of this adapter at this fake.
    pub(crate) fn engine(&self, adapter: &str, path: &str, model: &str) -> Arc<dyn Engine> {
        let mut registry = Registry::default();
        registry
            .add(Added {
                name: "lab".to_owned(),
                adapter: adapter.to_owned(),
                base_url: format!("{}{path}", self.origin),
                model: model.to_owned(),
            })
            .unwrap();
        registry.get("lab").unwrap()
    }
}

fn serve(mut stream: TcpStream, heard: &Heard, answer: impl FnOnce(&Asked) -> Reply) {
    let Some(asked) = read(&mut stream) else { return };
    let reply = answer(&asked);
    heard.lock().unwrap().push(asked);
    match reply.manner {
        Manner::Silent => return,
        Manner::Late => std::thread::sleep(Duration::from_millis(1_800)),
        _ => {}
    }
    let length = match reply.manner {
        Manner::CutOff => reply.body.len() + 1_000,
        _ => reply.body.len(),
    };
    let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", reply.status);
    if reply.manner != Manner::Endless {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    // The client may be gone; that is its right.
    stream.write_all(head.as_bytes()).ok();
    stream.write_all(&reply.body).ok();
    if reply.manner == Manner::Endless {
        while stream.write_all(&[b' '; 1 << 20]).is_ok() {}
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let n = stream.read(&mut buffer).ok()?;
        if n == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..n]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let mut first = lines.next()?.split(' ');
        let headers: Vec<(String, String)> = lines
            .filter_map(|l| l.split_once(": "))
            .map(|(n, v)| (n.to_lowercase(), v.to_owned()))
            .collect();
        let wanted = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let body = &bytes[end + 4..];
        let body = if wanted("transfer-encoding").is_some_and(|t| t.contains("chunked")) {
            if !body.ends_with(b"0\r\n\r\n") {
                continue;
            }
            unchunked(body)
        } else {
            let length: usize = wanted("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
            if body.len() < length {
                continue;
            }
            body.to_vec()
        };
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        return Some(Asked { method, path, headers, body });
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&body[..end]), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    out
}

/// Says of everything that it can be opened.
struct Trusting;

impl Probe for Trusting {
    fn picture(&self, _: &Path) -> Result<Looks, MediaError> {
        Ok(Looks { size_px: [64, 48], duration_ms: 0, average_rgb: 0x80_80_80 })
    }

    fn sound_ms(&self, _: &Path) -> Result<u64, MediaError> {
        Ok(1_500)
    }

    fn film(&self, _: &Path) -> Result<Looks, MediaError> {
        Ok(Looks { size_px: [64, 48], duration_ms: 2_000, average_rgb: 0x80_80_80 })
    }
}

/// A context with a folder, a key, a clock that can be put forward, and what was reported.
pub(crate) struct Bench {
    pub(crate) context: Context,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) reported: Arc<Mutex<Vec<(f32, String)>>>,
    folder: std::path::PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicI64 = AtomicI64::new(0);
        let name =
            format!("oto-engines-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
        let reported = Arc::new(Mutex::new(Vec::new()));
        let (time, hears) = (Arc::clone(&clock), Arc::clone(&reported));
        let context = Context {
            key: Some(SecretString::from(KEY.to_owned())),
            workers: Workers::of_program("/nonexistent-media-worker"),
            folder: folder.clone(),
            progress: Arc::new(move |value, message| {
                hears.lock().unwrap().push((value, message.to_owned()));
            }),
            meter: Meter::default(),
            cancel: CancellationToken::new(),
            now_ms: Arc::new(move || time.load(Ordering::Relaxed)),
            probe: Arc::new(Trusting),
        };
        Self { context, clock, reported, folder }
    }

    /// A picture to work from.
    pub(crate) fn picture(&self) -> Input {
        let file = self.folder.join("source.png");
        std::fs::write(&file, PNG).unwrap();
        Input {
            kind: Kind::Image,
            title: "a tram".to_owned(),
            file: Some(file),
            ..Input::default()
        }
    }

    /// Submits, and asks until there is an end.
    pub(crate) async fn run(
        &self,
        engine: &dyn Engine,
        request: &Request,
    ) -> Result<Outcome, EngineError> {
        let handle = match engine.submit(&self.context, request).await? {
            Submitted::Finished(outcome) => return Ok(outcome),
            Submitted::Accepted { handle } => handle,
        };
        self.follow(engine, handle).await
    }

    /// Asks until there is an end. A minute passes between two questions.
    pub(crate) async fn follow(
        &self,
        engine: &dyn Engine,
        mut handle: String,
    ) -> Result<Outcome, EngineError> {
        assert!(!handle.contains(KEY), "a handle is kept on disk");
        for _ in 0..50 {
            match engine.poll(&self.context, &handle).await? {
                Polled::Finished(outcome) => return Ok(outcome),
                Polled::Pending(pending) => {
                    if let Some(progress) = pending.progress {
                        assert!((0.0..=1.0).contains(&progress));
                        self.context.report(progress, &pending.message);
                    }
                    handle = pending.handle.unwrap_or(handle);
                }
            }
            self.clock.fetch_add(60_000, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("it never ends");
    }

    /// The bytes of the main output.
    pub(crate) fn bytes(outcome: &Outcome) -> Vec<u8> {
        match &outcome.outputs[0].body {
            Body::Memory(bytes) => bytes.clone(),
            Body::File(path) => std::fs::read(path).unwrap(),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

pub(crate) fn request(kind: Kind) -> Request {
    Request {
        kind,
        model: String::new(),
        prompt: "a tram in the rain".to_owned(),
        seed: 5,
        params: std::collections::BTreeMap::new(),
        inputs: Vec::new(),
        submission_id: "0192aabb-0000-7000-8000-000000000001-1".to_owned(),
    }
}
