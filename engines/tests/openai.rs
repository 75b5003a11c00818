//! The OpenAI-compatible engine against a server in this process that follows the published
//! contract, and misbehaves on request.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use oto_engines::remote::OpenAiCompatible;
use oto_engines::*;
use oto_media::worker::Workers;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

const KEY: &str = "oto-CANARY-7f3a";

/// Answers every connection with the same bytes and keeps what was asked.
struct Fake {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    std::thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                loop {
                    let n = stream.read(&mut buffer).unwrap_or(0);
                    request.extend_from_slice(&buffer[..n]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let length = text
                        .lines()
                        .find_map(|l| {
                            l.to_lowercase().strip_prefix("content-length: ").map(str::to_owned)
                        })
                        .and_then(|l| l.trim().parse::<usize>().ok())
                        .unwrap_or(0);
                    if n == 0 || text.split_once("\r\n\r\n").is_some_and(|(_, b)| b.len() >= length)
                    {
                        break;
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let reply = answer(&text);
                heard.lock().unwrap().push(text);
                // The client may be gone; that is its right.
                stream.write_all(&reply).ok();
            }
        })
        .unwrap();
    Fake { url, asked }
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn context(folder: &std::path::Path) -> Context {
    Context {
        key: Some(SecretString::from(KEY.to_owned())),
        workers: Workers::of_program("/nonexistent-media-worker"),
        folder: folder.to_owned(),
        progress: Arc::new(|_, _| {}),
        cancel: CancellationToken::new(),
    }
}

fn request(kind: Kind) -> Request {
    Request {
        kind,
        model: "m1".to_owned(),
        prompt: "a tram".to_owned(),
        seed: 5,
        params: BTreeMap::new(),
        inputs: Vec::new(),
    }
}

async fn ask(fake: &Fake, kind: Kind) -> Result<Outcome, EngineError> {
    let folder = std::env::temp_dir();
    let engine = OpenAiCompatible::new("lab", &fake.url, "").unwrap();
    match engine.submit(&context(&folder), &request(kind)).await? {
        Submitted::Finished(outcome) => Ok(outcome),
        Submitted::Accepted { .. } => panic!("this engine answers at once"),
    }
}

const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"The tram \"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"climbs.\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"total_tokens\":9}}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn a_streamed_chat_becomes_a_text_and_the_key_goes_in_its_header_only() {
    let fake = serve(|_| http("200 OK", "content-type: text/event-stream\r\n", STREAM));
    let outcome = ask(&fake, Kind::Text).await.unwrap();
    assert_eq!(outcome.text, "The tram climbs.");
    assert_eq!(outcome.cost_micro, None);
    let asked = fake.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("POST /v1/chat/completions "));
    assert!(
        asked[0].to_lowercase().contains(&format!("authorization: bearer {}", KEY.to_lowercase()))
    );
    assert!(!asked[0].lines().next().unwrap().contains(KEY));
    let body: serde_json::Value =
        serde_json::from_str(asked[0].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((body["model"].as_str(), body["stream"].as_bool()), (Some("m1"), Some(true)));
}

#[tokio::test]
async fn each_failure_has_its_class_and_a_sentence_without_the_key() {
    let error = |status: &'static str, headers: &'static str, body: &'static str| {
        serve(move |_| http(status, headers, body))
    };
    let cases = [
        (error("401 Unauthorized", "", "{\"error\":{\"message\":\"bad key\"}}"), ErrorClass::Auth),
        (error("402 Payment Required", "", ""), ErrorClass::NoCredit),
        (error("429 Too Many Requests", "retry-after: 3\r\n", "{}"), ErrorClass::RateLimited),
        (
            error("429 Too Many Requests", "", "{\"error\":{\"code\":\"insufficient_quota\"}}"),
            ErrorClass::NoCredit,
        ),
        (error("500 Internal Server Error", "", "<html>oops</html>"), ErrorClass::Unavailable),
        (error("404 Not Found", "", "{}"), ErrorClass::InvalidRequest),
        (
            error("400 Bad Request", "", "{\"error\":{\"code\":\"content_policy_violation\"}}"),
            ErrorClass::ContentRefused,
        ),
        (error("200 OK", "content-type: application/json\r\n", "<html>"), ErrorClass::BadResponse),
        (
            error("200 OK", "content-type: application/json\r\n", "{\"choices\":"),
            ErrorClass::BadResponse,
        ),
        (
            error(
                "200 OK",
                "content-type: text/event-stream\r\n",
                "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n",
            ),
            ErrorClass::BadResponse,
        ),
        (
            error("302 Found", "location: http://169.254.169.254/\r\n", ""),
            ErrorClass::InvalidRequest,
        ),
        (
            serve(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\ndata: {".to_vec()),
            ErrorClass::BadResponse,
        ),
        (serve(|_| Vec::new()), ErrorClass::UnknownOutcome),
    ];
    for (i, (fake, class)) in cases.iter().enumerate() {
        let failed = ask(fake, Kind::Text).await.unwrap_err();
        assert_eq!(failed.class, *class, "case {i}: {failed:?}");
        assert!(failed.message.len() > 20 && !format!("{failed:?}").contains("CANARY"), "case {i}");
        // One request, one send: nothing that may be paid is repeated here.
        assert_eq!(fake.asked.lock().unwrap().len(), 1, "case {i}");
    }
    let slow = ask(&cases[2].0, Kind::Text).await.unwrap_err();
    assert_eq!(slow.retry_after_ms, Some(3_000));
    let closed = Fake { url: "http://127.0.0.1:9/v1".to_owned(), asked: Arc::default() };
    assert_eq!(ask(&closed, Kind::Text).await.unwrap_err().class, ErrorClass::Network);
}

#[tokio::test]
async fn results_that_are_no_pictures_or_lie_elsewhere_are_refused() {
    let text = "{\"data\":[{\"b64_json\":\"aGVsbG8=\"}]}";
    let fake = serve(move |_| http("200 OK", "content-type: application/json\r\n", text));
    assert_eq!(ask(&fake, Kind::Image).await.unwrap_err().class, ErrorClass::BadResponse);
    for link in [
        "http://169.254.169.254/x.png",
        "https://127.0.0.1/x.png",
        "file:///etc/passwd",
        "https://u:p@example.com/x",
    ] {
        let body = format!("{{\"data\":[{{\"url\":\"{link}\"}}]}}");
        let fake = serve(move |_| http("200 OK", "content-type: application/json\r\n", &body));
        let failed = ask(&fake, Kind::Image).await.unwrap_err();
        assert_eq!((failed.class, failed.code), (ErrorClass::BadResponse, "bad_link"), "{link}");
        assert_eq!(fake.asked.lock().unwrap().len(), 1);
    }
    assert_eq!(ask(&fake, Kind::Voice).await.unwrap_err().class, ErrorClass::BadResponse);
}

#[tokio::test]
async fn a_stop_closes_the_connection() {
    let fake = serve(|_| {
        std::thread::sleep(std::time::Duration::from_secs(5));
        Vec::new()
    });
    let engine = OpenAiCompatible::new("lab", &fake.url, "").unwrap();
    let context = context(&std::env::temp_dir());
    let cancel = context.cancel.clone();
    let started = std::time::Instant::now();
    let request = request(Kind::Text);
    let (outcome, ()) = tokio::join!(engine.submit(&context, &request), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        cancel.cancel();
    });
    assert_eq!(outcome.unwrap_err().class, ErrorClass::Canceled);
    assert!(started.elapsed().as_secs() < 3);
}

#[tokio::test]
async fn found_servers_are_recognised_by_their_answer() {
    let ollama = serve(|_| http("200 OK", "", "{\"models\":[{\"name\":\"llama3\"}]}"));
    let port: u16 = ollama.url.split(':').nth(2).unwrap().trim_end_matches("/v1").parse().unwrap();
    // Every port leads to the same server: only the one whose answer fits is found.
    let found = discover::discover_at(|_| port).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].server, found[0].models.as_slice()),
        ("ollama", &["llama3".to_owned()][..])
    );
    assert!(
        !ollama.asked.lock().unwrap().iter().any(|a| a.to_lowercase().contains("authorization"))
    );
    assert!(discover::discover_at(|_| 9).await.is_empty());
}

#[test]
fn engines_are_added_by_name_and_address() {
    let mut registry = Registry::local();
    let added = |name: &str, url: &str| Added {
        name: name.into(),
        adapter: "openai".into(),
        base_url: url.into(),
        model: String::new(),
    };
    registry.add(added("lab", "http://127.0.0.1:1/v1")).unwrap();
    registry.add(added("lab", "http://127.0.0.1:2/v1")).unwrap();
    assert_eq!(registry.all().count(), 5);
    for (name, url) in [
        ("", "https://x.org"),
        ("local-text", "https://x.org"),
        ("a b", "https://x.org"),
        ("x", "http://example.com/v1"),
        ("x", "nonsense"),
    ] {
        assert!(registry.add(added(name, url)).is_err(), "{name} {url}");
    }
    assert!(registry.remove("lab") && !registry.remove("lab") && !registry.remove("local-text"));
}
