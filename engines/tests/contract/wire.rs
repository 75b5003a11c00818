//! A provider's side of the wire: requests as they come, answers as a script says, some of them
//! spoilt. Knows no provider and no adapter; shared with the example `fake_provider`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

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
