//! ComfyUI after a crash, at a check, and over its websocket.

use std::sync::{Arc, Mutex};

use futures_util::SinkExt;
use oto_engines::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::comfy::{ID, ended, good};
use crate::provider::*;

#[tokio::test]
async fn a_submission_is_found_again_and_goes_on() {
    let asks = request(Kind::Image);
    let absent = Fake::start(|_, _| Reply::json(json!({})));
    let (bench, engine) = (Bench::new(), absent.engine("comfy", "", "x"));
    let found = engine.lookup(&bench.context, &asks.submission_id).await.unwrap();
    assert_eq!(found, Lookup::Absent);
    let fake = Fake::start(good());
    let engine = fake.engine("comfy", "", "x");
    let found = engine.lookup(&bench.context, &asks.submission_id).await.unwrap();
    let Lookup::Found(handle) = found else { panic!("it is in the queue") };
    assert!(bench.follow(engine.as_ref(), handle).await.is_ok());
    assert_eq!(fake.count("POST"), 0);
    // A second try has a name of its own: the first one’s end is not its end.
    let second = format!("{ID}-2");
    assert_eq!(engine.lookup(&bench.context, &second).await.unwrap(), Lookup::Absent);
}

#[tokio::test]
async fn a_check_wants_comfyui() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let check = fake.engine("comfy", "", "").check(&bench.context).await;
    assert_eq!((check.state, check.models.len()), (CheckState::Ready, 2));
    assert!(fake.heard().iter().all(|a| a.method == "GET"));
    let other = Fake::start(|_, _| Reply::json(json!({ "system": {} })));
    let check = other.engine("comfy", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::Unreachable);
    let described = fake.engine("comfy", "", "").describe();
    assert!(described.free && !described.needs_key);
}

#[tokio::test]
async fn failures_of_a_run_are_told() {
    let fake = Fake::start(|asked, _| {
        if asked.method == "POST" {
            return Reply::json(json!({ "prompt_id": ID }));
        }
        let data = json!({ "node_type": "KSampler", "exception_message": "mat1 and mat2 differ" });
        let messages = json!([["execution_error", data]]);
        let status = json!({ "status_str": "error", "completed": false, "messages": messages });
        Reply::json(json!({ ID: { "outputs": {}, "status": status } }))
    });
    let (bench, engine) = (Bench::new(), fake.engine("comfy", "", "x"));
    let error = bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::InvalidRequest);
    assert!(error.message.contains("KSampler: mat1 and mat2 differ."), "{}", error.message);
}

/// What a server with a socket saw.
#[derive(Default)]
struct Seen {
    /// The head of the request for the socket.
    head: String,
    done: bool,
}

/// A server that tells the progress over its socket and then has the picture.
async fn with_socket(listener: TcpListener, seen: Arc<Mutex<Seen>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, Arc::clone(&seen)));
    }
}

async fn answer(mut stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    let mut buffer = vec![0; 65_536];
    let mut head = String::new();
    while !head.contains("\r\n\r\n") {
        let length = stream.peek(&mut buffer).await.unwrap();
        assert!(length > 0, "the client is gone");
        head = String::from_utf8_lossy(&buffer[..length]).into_owned();
    }
    if head.starts_with("GET /ws") {
        seen.lock().unwrap().head = head;
        return tell(stream, &seen).await;
    }
    // The body comes with the head or just after it; what it says does not matter here.
    let mut asked = Vec::new();
    let length = |head: &str| {
        let lower = head.to_lowercase();
        let after = lower.split("content-length: ").nth(1).unwrap_or("0").to_owned();
        after.lines().next().and_then(|l| l.trim().parse::<usize>().ok()).unwrap_or(0)
    };
    let wanted = head.find("\r\n\r\n").unwrap() + 4 + length(&head);
    while asked.len() < wanted {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the client is gone");
        asked.extend_from_slice(&buffer[..read]);
    }
    let done = seen.lock().unwrap().done;
    let body: Value = match head.split(' ').nth(1).unwrap() {
        "/prompt" => json!({ "prompt_id": ID }),
        "/queue" => json!({ "queue_running": [[1, ID, {}, {}, []]], "queue_pending": [] }),
        path if path.starts_with("/history/") && done => ended(
            json!({ "9": { "images": [{ "filename": "a.png", "subfolder": "", "type": "output" }] } }),
        ),
        _ => json!({}),
    };
    let is_view = head.starts_with("GET /view");
    let body = if is_view { PNG.to_vec() } else { body.to_string().into_bytes() };
    let head =
        format!("HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
}

async fn tell(stream: TcpStream, seen: &Mutex<Seen>) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    let progress = |id: &str, value: u32| json!({ "type": "progress", "data": { "prompt_id": id, "value": value, "max": 20 } });
    let ends = json!({ "type": "execution_success", "data": { "prompt_id": ID } });
    // A preview, nonsense, another prompt, ours, its end.
    let texts = [
        "{nonsense".to_owned(),
        progress("another", 19).to_string(),
        progress(ID, 5).to_string(),
        ends.to_string(),
    ];
    seen.lock().unwrap().done = true;
    socket.send(Message::Binary(vec![0, 0, 0, 1, 0, 0, 0, 1, 0xff].into())).await.unwrap();
    for text in texts {
        socket.send(Message::text(text)).await.unwrap();
    }
}

#[tokio::test]
async fn the_socket_tells_how_far_it_is_and_the_history_when_it_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Seen::default()));
    let server = tokio::spawn(with_socket(listener, Arc::clone(&seen)));
    let mut registry = Registry::default();
    let added = Added {
        name: "lab".to_owned(),
        adapter: "comfy".to_owned(),
        base_url,
        model: "x".to_owned(),
    };
    registry.add(added).unwrap();
    let (bench, engine) = (Bench::new(), registry.get("lab").unwrap());
    let outcome = bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap();
    assert_eq!(Bench::bytes(&outcome), PNG);
    let reported = bench.reported.lock().unwrap().clone();
    assert!(reported.iter().any(|(value, words)| *value == 0.25 && words == "step 5 of 20"));
    assert!(reported.iter().all(|(value, _)| *value < 0.9), "another prompt’s");
    let head = seen.lock().unwrap().head.clone();
    let first = head.lines().next().unwrap();
    assert_eq!(first, format!("GET /ws?clientId={ID} HTTP/1.1"));
    assert!(head.contains(&format!("Bearer {KEY}")) && !head.to_lowercase().contains("origin"));
    server.abort();
}
