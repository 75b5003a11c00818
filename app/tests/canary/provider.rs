//! One provider that repeats the key in every answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{KEY, base64};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// 401 with the key in the body and in the headers.
    Refuses,
    /// The same with so many words before it that a cut could go through the key.
    RefusesAtLength,
    /// 500 with the headers that came.
    Breaks,
    /// A page.
    Page,
    /// It ends in the middle.
    Torn,
    /// A redirect.
    Away,
    /// The work fails, or is refused, with the key in every field.
    Fails,
    /// The work is made, and its text is the key.
    Told,
    /// Events, the key in two of them.
    Pieces,
    /// Events that end in an error.
    BadEvent,
    /// The result is a page.
    PageAsResult,
    /// The result is a damaged picture.
    Damaged,
    /// Half an answer, and then nothing.
    Stalls,
    /// Half a result, and then nothing.
    ResultStalls,
}

pub(super) const MOODS: [Mood; 14] = [
    Mood::Refuses,
    Mood::RefusesAtLength,
    Mood::Breaks,
    Mood::Page,
    Mood::Torn,
    Mood::Away,
    Mood::Fails,
    Mood::Told,
    Mood::Pieces,
    Mood::BadEvent,
    Mood::PageAsResult,
    Mood::Damaged,
    Mood::Stalls,
    Mood::ResultStalls,
];

pub(super) struct Provider {
    pub(super) origin: String,
    mood: Arc<Mutex<Mood>>,
    /// The key came where it belongs, and nowhere else.
    pub(super) got_key: Arc<AtomicBool>,
    /// Work that was asked for.
    pub(super) n_posts: Arc<AtomicUsize>,
}

impl Provider {
    /// `upper`: it writes how things stand in capitals.
    pub(super) fn start(upper: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let mood = Arc::new(Mutex::new(Mood::Refuses));
        let (got_key, n_posts) = (Arc::default(), Arc::default());
        let (now, got, posts): (_, Arc<AtomicBool>, Arc<AtomicUsize>) =
            (Arc::clone(&mood), Arc::clone(&got_key), Arc::clone(&n_posts));
        let own = origin.clone();
        let serve = move || {
            for stream in listener.incoming().flatten() {
                let (own, got, posts) = (own.clone(), Arc::clone(&got), Arc::clone(&posts));
                let mood = *now.lock().unwrap();
                let answering = move || {
                    answer(stream, &own, mood, upper, &got, &posts);
                };
                std::thread::Builder::new().spawn(answering).unwrap();
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        Self { origin, mood, got_key, n_posts }
    }

    pub(super) fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

fn asked(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|l| l.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        if body.len() >= length.and_then(|l| l.parse().ok()).unwrap_or(0) {
            return Some(head.to_owned());
        }
    }
}

/// Every field that some adapter reads.
fn everything(origin: &str, status: &str, output: &Value) -> Value {
    let said = format!("the key {KEY} is not welcome here");
    json!({
        "id": format!("p-{KEY}"), "request_id": format!("r-{KEY}"), "job_id": KEY,
        "prompt_id": format!("q-{KEY}"), "client_id": KEY, "name": KEY, "title": said,
        "status": status, "state": status, "success": true, "message": said, "detail": said,
        "error": said, "errors": [said], "logs": format!("{KEY}\n 42%|####  | 21/50 {KEY}"),
        "output": output, "text": KEY, "username": KEY, "model_name": KEY,
        "response": { "id": KEY, "status": status, "error": said, "url": format!("{origin}/result") },
        "urls": { "get": format!("{origin}/{KEY}"), "cancel": format!("{origin}/{KEY}/cancel"),
                  "self": format!("{origin}/{KEY}") },
        "url": format!("{origin}/worker/{KEY}"), "signature": KEY, "reqnum": 1,
        "polling_url": format!("{origin}/v1/{KEY}"), "poll_url": format!("{origin}/{KEY}"),
        "status_url": format!("{origin}/{KEY}/status"),
        "response_url": format!("{origin}/{KEY}/response"),
        "cancel_url": format!("{origin}/{KEY}/cancel"),
        "data": [{ "id": KEY, "url": format!("{origin}/result") }],
        "images": [{ "url": format!("{origin}/result"), "filename": KEY }],
        "choices": [{ "message": { "content": KEY }, "finish_reason": "stop" }],
        "character_count": 1, "character_limit": KEY, "workers": { "idle": 1 },
        "node_errors": { "6": { "class_type": KEY, "errors": [{ "message": said, "details": KEY }] } },
    })
}

fn answer(
    mut stream: TcpStream,
    origin: &str,
    mood: Mood,
    upper: bool,
    got_key: &AtomicBool,
    n_posts: &AtomicUsize,
) -> Option<()> {
    let head = asked(&mut stream)?;
    let first = head.lines().next()?;
    if head.contains(KEY) || head.contains(&base64(KEY.as_bytes())) {
        got_key.store(true, Ordering::Relaxed);
    }
    if first.starts_with("POST") {
        n_posts.fetch_add(1, Ordering::Relaxed);
    }
    let is_result = first.contains("/result");
    let word = |lower: &str, high: &str| if upper { high.to_owned() } else { lower.to_owned() };
    let basic = base64(KEY.as_bytes());
    let said = format!("you sent Authorization: Bearer {KEY}, or Basic {basic}");
    let page = format!("<!DOCTYPE html><html><body>{said} {KEY}</body></html>");
    let json_type = "application/json";
    let (mut status, mut kind, mut tail) = (200, json_type, 0);
    let body: Vec<u8> = match mood {
        Mood::Refuses => {
            status = 401;
            json!({ "error": { "message": said, "code": KEY }, "detail": said }).to_string()
        }
        Mood::RefusesAtLength => {
            status = 401;
            let said = format!("{}{KEY}", "x".repeat(300 - KEY.len() / 2));
            json!({ "error": { "message": said }, "detail": { "message": said } }).to_string()
        }
        Mood::Breaks => {
            status = 500;
            json!({ "error": KEY, "message": said, "traceback": head }).to_string()
        }
        Mood::Page => {
            kind = "text/html";
            page
        }
        Mood::Torn => {
            tail = 1_000;
            format!("{{\"id\":\"{KEY}\",\"error\":\"{said}")
        }
        Mood::Away => {
            status = 302;
            said
        }
        Mood::Stalls => {
            tail = 1_000;
            format!("{{\"id\":\"{KEY}\",\"logs\":\"{KEY}")
        }
        Mood::Fails => everything(origin, &word("failed", "FAILED"), &json!(KEY)).to_string(),
        Mood::Told => everything(origin, &word("succeeded", "COMPLETED"), &json!(KEY)).to_string(),
        Mood::Pieces => {
            kind = "text/event-stream";
            let (a, b) = KEY.split_at(9);
            [a, b]
                .map(|p| {
                    format!("data: {}\n\n", json!({ "choices": [{ "delta": { "content": p } }] }))
                })
                .concat()
                + "data: [DONE]\n\n"
        }
        Mood::BadEvent => {
            kind = "text/event-stream";
            format!("data: {}\n\n", json!({ "error": { "message": said } }))
        }
        Mood::PageAsResult if is_result => {
            kind = "image/png";
            page
        }
        Mood::Damaged | Mood::ResultStalls if is_result => {
            kind = "image/png";
            tail = if mood == Mood::ResultStalls { 1_000 } else { 0 };
            String::new()
        }
        Mood::PageAsResult | Mood::Damaged | Mood::ResultStalls => {
            let link = json!([format!("{origin}/result")]);
            let mut all = everything(origin, &word("succeeded", "COMPLETED"), &link);
            all["error"] = Value::Null;
            if first.contains("/videos") {
                all["status"] = json!("completed");
            }
            all.to_string()
        }
    }
    .into_bytes();
    let mut bytes = body;
    if matches!(mood, Mood::Damaged | Mood::ResultStalls) && is_result {
        bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0\0\0\x02\0\x08\x06\0\0\0".to_vec();
        bytes.extend_from_slice(KEY.repeat(40).as_bytes());
    }
    let head = format!(
        "HTTP/1.1 {status} {KEY}\r\nconnection: close\r\ncontent-type: {kind}\r\n\
         location: {origin}/{KEY}?key={KEY}\r\nset-cookie: key={KEY}\r\nx-request-id: {KEY}\r\n\
         www-authenticate: Bearer realm=\"{KEY}\"\r\ncontent-length: {}\r\n\r\n",
        bytes.len() + tail
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&bytes).ok()?;
    stream.flush().ok()?;
    if matches!(mood, Mood::Stalls | Mood::ResultStalls) {
        std::thread::sleep(Duration::from_secs(30));
    }
    Some(())
}
