//! The stream of events, and a client that follows many jobs over it: through a relay that counts
//! connections and cuts them.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use oto_api_types::{Job, JobStatus};
use oto_backend_client::{Client, Event, Home};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::common::{Caller, id, start};

/// A provider whose predictions are done when it is told so.
#[derive(Clone, Default)]
struct Lab(Arc<Mutex<bool>>);

async fn lab() -> (Lab, String) {
    let lab = Lab::default();
    let look = |State(lab): State<Lab>| async move {
        let status = if *lab.0.lock().unwrap() { "succeeded" } else { "processing" };
        Json(json!({ "status": status, "output": "done" }))
    };
    let create = || async { Json(json!({ "id": "p", "status": "starting" })) };
    let routes = Router::new()
        .route("/v1/models/o/m/predictions", post(create))
        .route("/v1/predictions/p", get(look))
        .with_state(lab.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (lab, base)
}

/// Passes on what is said to a home, under its own address.
#[derive(Clone, Default)]
struct Relay {
    open: Arc<AtomicUsize>,
    most_open: Arc<AtomicUsize>,
    /// Streams that were opened.
    streams: Arc<AtomicUsize>,
    cut: Arc<Mutex<CancellationToken>>,
    /// Whether streams are passed on.
    has_no_streams: bool,
}

impl Relay {
    async fn start(has_no_streams: bool, home: &str) -> (Self, String) {
        let relay = Self { has_no_streams, ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let (passes, away) = (relay.clone(), home.strip_prefix("http://").unwrap().to_owned());
        let base = format!("http://{own}");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (relay, own, away) = (passes.clone(), own.clone(), away.clone());
                tokio::spawn(async move { relay.pass(stream, &own, &away).await });
            }
        });
        (relay, base)
    }

    async fn pass(self, stream: TcpStream, own: &str, away: &str) {
        let now = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(now, Ordering::Relaxed);
        let upstream = TcpStream::connect(away).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        let (mut back, mut forth) = upstream.into_split();
        let cut = CancellationToken::new();
        let own_cut = Mutex::new(cut.clone());
        let asks = async {
            let mut buffer = vec![0; 65_536];
            while let Ok(n @ 1..) = from.read(&mut buffer).await {
                let text = String::from_utf8_lossy(&buffer[..n]).replace(own, away);
                if text.starts_with("GET /api/v1/events") {
                    if self.has_no_streams {
                        return;
                    }
                    self.streams.fetch_add(1, Ordering::Relaxed);
                    *own_cut.lock().unwrap() = self.cut.lock().unwrap().clone();
                }
                if forth.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        };
        let answers = async {
            let mut buffer = vec![0; 65_536];
            loop {
                let cut = own_cut.lock().unwrap().clone();
                let n = tokio::select! {
                    n = back.read(&mut buffer) => n.unwrap_or(0),
                    () = cut.cancelled() => 0,
                };
                if n == 0 || to.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = asks => {}
            () = answers => {}
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Cuts the streams that are open.
    fn cut(&self) {
        std::mem::take(&mut *self.cut.lock().unwrap()).cancel();
    }
}

async fn submitted(caller: &Caller, base: &str, n: u32) {
    // Local ones and ones at engines, more than run at once.
    for engine in ["one", "two", "three", "four"] {
        let config = json!({ "adapter": "replicate", "base_url": base, "model": "o/m" });
        caller.call("PUT", &format!("/engines/{engine}")).json(&config).send().await.unwrap();
    }
    for n in 0..n {
        let engine = ["one", "two", "three", "four", "local-text"][n as usize % 5];
        let job = json!({ "kind": "text", "engine": engine, "prompt": "a tram", "seed": n });
        assert_eq!(caller.submit(&id(n), &job).await.0, 202);
    }
}

fn client(base: &str, caller: &Caller) -> Client {
    let home = Home::embedded(base, SecretString::from(caller.secret.clone())).unwrap();
    Client::start(home, Arc::new(|| {})).unwrap()
}

/// Ids of the jobs whose results arrive, until there are as many.
fn arrived(client: &Client, many: usize, patience: Duration) -> usize {
    let (mut ids, until) = (std::collections::BTreeSet::new(), Instant::now() + patience);
    while ids.len() < many && Instant::now() < until {
        match client.wait_event(Duration::from_millis(200)) {
            Some(Event::Finished { job, .. }) => assert!(ids.insert(job.id), "told once"),
            Some(Event::JobLost { id, error }) => panic!("{id}: {error}"),
            _ => {}
        }
    }
    ids.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_jobs_are_followed_over_one_connection_that_may_be_cut() {
    let (data, media) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (lab, provider) = lab().await;
    let (_home, caller) = start(data.path());
    submitted(&caller, &provider, 100).await;
    let (relay, base) = Relay::start(false, &caller.base).await;
    let client = client(&base, &caller);
    for n in 0..100 {
        client.follow(id(n), media.path().to_owned());
    }
    // Twenty are made here and end by themselves.
    assert_eq!(arrived(&client, 20, Duration::from_secs(20)), 20);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(relay.streams.load(Ordering::Relaxed), 1);
    let at_once = relay.most_open.load(Ordering::Relaxed);
    println!("{at_once} connections at most for a hundred jobs");
    assert!(at_once <= 16, "{at_once}");
    // Cut while the others end.
    relay.cut();
    *lab.0.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_millis(400)).await;
    relay.cut();
    let since = Instant::now();
    assert_eq!(arrived(&client, 80, Duration::from_secs(40)), 80);
    println!("eighty jobs at four engines ended and arrived in {:?}", since.elapsed());
    assert!(relay.streams.load(Ordering::Relaxed) >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stream_each_job_is_asked_with_a_long_wait() {
    let (data, media) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (lab, provider) = lab().await;
    let (_home, caller) = start(data.path());
    submitted(&caller, &provider, 10).await;
    let (relay, base) = Relay::start(true, &caller.base).await;
    let client = client(&base, &caller);
    for n in 0..10 {
        client.follow(id(n), media.path().to_owned());
    }
    assert_eq!(arrived(&client, 2, Duration::from_secs(20)), 2);
    *lab.0.lock().unwrap() = true;
    assert_eq!(arrived(&client, 8, Duration::from_secs(20)), 8);
    assert_eq!(relay.streams.load(Ordering::Relaxed), 0);
}

/// The next event of a stream: its number, its name and its data.
async fn next(stream: &mut reqwest::Response, text: &mut String) -> (u64, String, Value) {
    loop {
        if let Some((event, rest)) = text.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            *text = rest;
            let field =
                |name: &str| event.lines().find_map(|l| l.strip_prefix(name)).unwrap().to_owned();
            let data = serde_json::from_str(&field("data: ")).unwrap();
            return (field("id: ").parse().unwrap(), field("event: "), data);
        }
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk());
        text.push_str(&String::from_utf8_lossy(&chunk.await.unwrap().unwrap().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_what_is_under_way_and_numbers_what_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, provider) = lab().await;
    let (home, caller) = start(folder.path());
    let open = async |caller: &Caller| caller.call("GET", "/events").send().await.unwrap();
    // Who may not call may not listen.
    let url = format!("{}/api/v1/events", caller.base);
    assert_eq!(caller.client.get(&url).send().await.unwrap().status().as_u16(), 401);
    let foreign = caller.call("GET", "/events").header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status().as_u16(), 403);
    submitted(&caller, &provider, 1).await;
    let (mut stream, mut text) = (open(&caller).await, String::new());
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let (mut last, name, data) = next(&mut stream, &mut text).await;
    assert_eq!((name.as_str(), data["job"].as_str()), ("job", Some(id(0).as_str())));
    *lab.0.lock().unwrap() = true;
    let ended = loop {
        let (number, _, data) = next(&mut stream, &mut text).await;
        assert!(number > last && data["job"] == id(0), "{number} {data}");
        last = number;
        let job: Job = caller
            .call("GET", &format!("/jobs/{}", id(0)))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        if job.status == JobStatus::Succeeded && data["version"] == job.version {
            break job;
        }
    };
    assert_eq!(ended.text, "done");
    // What has ended is not told again.
    let again = caller.call("GET", "/events").header("last-event-id", last.to_string());
    let (mut again, mut rest) = (again.send().await.unwrap(), String::new());
    let job = json!({ "kind": "text", "engine": "local-text", "prompt": "a cat", "seed": 2 });
    caller.submit(&id(7), &job).await;
    let (number, _, data) = next(&mut again, &mut rest).await;
    assert!(number > last && data["job"] == id(7));
    // More than anybody needs.
    let mut many = Vec::new();
    while many.len() < 20 {
        let more = open(&caller).await;
        if more.status().as_u16() == 429 {
            break;
        }
        many.push(more);
    }
    assert!((10..20).contains(&many.len()));
    // A stop does not wait for those who listen.
    let quitting = Instant::now();
    drop(home);
    println!("a quit with {} streams took {:?}", many.len() + 2, quitting.elapsed());
    assert!(quitting.elapsed() < Duration::from_secs(1));
}
