//! Jobs at paid engines: sent once whatever happens, taken up again after a restart, fair between
//! engines. The provider is a server in this process.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::common::{Caller, id, start};

/// Predictions by id: who asked, when it began, whether it was stopped.
#[derive(Default)]
struct Seen {
    created: Vec<(String, Instant)>,
    running: HashMap<String, usize>,
    most_running: usize,
    stopped: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    AtOnce,
    Late,
    Never,
}

#[derive(Clone)]
struct Lab {
    seen: Arc<Mutex<Seen>>,
    /// How long making takes.
    takes: Duration,
    /// When a submission is answered.
    answers: Answers,
}

async fn create(State(lab): State<Lab>, Path(who): Path<String>) -> Response {
    let id = {
        let mut seen = lab.seen.lock().unwrap();
        let id = format!("{who}-{}", seen.created.len());
        seen.created.push((id.clone(), Instant::now()));
        *seen.running.entry(who.clone()).or_default() += 1;
        let now: usize = seen.running[&who];
        seen.most_running = seen.most_running.max(now);
        id
    };
    match lab.answers {
        Answers::AtOnce => {}
        Answers::Late => tokio::time::sleep(Duration::from_millis(1_500)).await,
        Answers::Never => std::future::pending::<()>().await,
    }
    let answer = json!({ "id": id, "status": "starting", "urls": {
        "get": format!("/{who}/predictions/{id}"),
        "cancel": format!("/{who}/predictions/{id}/cancel"),
    }});
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn look(State(lab): State<Lab>, Path((who, id)): Path<(String, String)>) -> Response {
    let mut seen = lab.seen.lock().unwrap();
    let Some((_, begun)) = seen.created.iter().find(|(i, _)| *i == id).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if seen.stopped.contains(&id) {
        return Json(json!({ "status": "canceled" })).into_response();
    }
    if begun.elapsed() < lab.takes {
        return Json(json!({ "status": "processing" })).into_response();
    }
    if let Some(n) = seen.running.get_mut(&who) {
        *n = n.saturating_sub(1);
    }
    Json(json!({ "status": "succeeded", "output": ["A tram ", "climbs."] })).into_response()
}

async fn stop(State(lab): State<Lab>, Path((_, id)): Path<(String, String)>) -> Json<Value> {
    lab.seen.lock().unwrap().stopped.push(id);
    Json(json!({ "status": "canceled" }))
}

/// The provider, at an address of its own. Many accounts, told apart by the first part of the path.
async fn provider(takes: Duration, answers: Answers) -> (Lab, String) {
    let lab = Lab { seen: Arc::default(), takes, answers };
    let routes = Router::new()
        .route("/{who}/models/o/m/predictions", post(create))
        .route("/{who}/predictions/{id}", get(look))
        .route("/{who}/predictions/{id}/cancel", post(stop))
        .with_state(lab.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (lab, base)
}

async fn add(caller: &Caller, name: &str, base: &str) {
    let config =
        json!({ "adapter": "replicate", "base_url": format!("{base}/{name}"), "model": "o/m" });
    let answer =
        caller.call("PUT", &format!("/engines/{name}")).json(&config).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204, "{}", answer.text().await.unwrap());
}

fn job(engine: &str) -> Value {
    json!({ "kind": "text", "engine": engine, "prompt": "a tram", "seed": 1 })
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..400 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never happens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_at_an_engine_is_taken_up_again_and_never_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, base) = provider(Duration::from_millis(2_500), Answers::AtOnce).await;
    let (home, caller) = start(folder.path());
    add(&caller, "lab", &base).await;
    caller.submit(&id(1), &job("lab")).await;
    until(|| lab.seen.lock().unwrap().created.len() == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let quitting = Instant::now();
    drop(home);
    println!("a quit with a job at an engine took {:?}", quitting.elapsed());
    assert!(quitting.elapsed() < Duration::from_secs(1), "polls are not waited for");
    let (_home, caller) = start(folder.path());
    let done = caller.until_final(&id(1)).await;
    assert_eq!(
        (done["status"].as_str(), done["text"].as_str(), done["attempt"].as_u64()),
        (Some("succeeded"), Some("A tram climbs."), Some(1))
    );
    let seen = lab.seen.lock().unwrap();
    assert_eq!((seen.created.len(), seen.stopped.len()), (1, 0), "paid once, not stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_is_not_sent_again_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, base) = provider(Duration::ZERO, Answers::Never).await;
    let (home, caller) = start(folder.path());
    add(&caller, "lab", &base).await;
    caller.submit(&id(2), &job("lab")).await;
    until(|| lab.seen.lock().unwrap().created.len() == 1).await;
    // Somebody does not want to wait for the answer.
    home.hurry();
    let quitting = Instant::now();
    drop(home);
    assert!(quitting.elapsed() < Duration::from_secs(2));
    let (_home, caller) = start(folder.path());
    let done = caller.until_final(&id(2)).await;
    assert_eq!(done["status"], "failed");
    assert_eq!(done["error"]["code"], "submission_unknown");
    assert!(done["error"]["message"].as_str().unwrap().contains("paid twice"));
    assert_eq!(lab.seen.lock().unwrap().created.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quit_waits_for_what_is_being_sent_and_keeps_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, base) = provider(Duration::from_millis(200), Answers::Late).await;
    let (home, caller) = start(folder.path());
    add(&caller, "lab", &base).await;
    caller.submit(&id(2), &job("lab")).await;
    until(|| lab.seen.lock().unwrap().created.len() == 1).await;
    let quitting = Instant::now();
    drop(home);
    let took = quitting.elapsed();
    assert!((1_000..4_000).contains(&took.as_millis()), "{took:?}");
    let (_home, caller) = start(folder.path());
    let done = caller.until_final(&id(2)).await;
    assert_eq!((done["status"].as_str(), done["attempt"].as_u64()), (Some("succeeded"), Some(1)));
    assert_eq!(lab.seen.lock().unwrap().created.len(), 1, "paid once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_reaches_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, base) = provider(Duration::from_secs(60), Answers::AtOnce).await;
    let (_home, caller) = start(folder.path());
    add(&caller, "lab", &base).await;
    caller.submit(&id(3), &job("lab")).await;
    until(|| lab.seen.lock().unwrap().created.len() == 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    caller.call("POST", &format!("/jobs/{}/cancel", id(3))).json(&()).send().await.unwrap();
    assert_eq!(caller.until_final(&id(3)).await["status"], "canceled");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(lab.seen.lock().unwrap().stopped.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_jobs_at_four_engines_are_fair_and_lose_no_slot() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, base) = provider(Duration::from_millis(5), Answers::AtOnce).await;
    let (_home, caller) = start(folder.path());
    let engines = ["one", "two", "three", "four"];
    for engine in engines {
        add(&caller, engine, &base).await;
    }
    // The first engine gets most of the jobs, and all of them before the others.
    let of = |n: u32| engines[if n < 70 { 0 } else { (n % 3 + 1) as usize }];
    for n in 0..100 {
        let (status, _) = caller.submit(&id(100 + n), &job(of(n))).await;
        assert_eq!(status, 202);
    }
    for n in 0..100 {
        assert_eq!(caller.until_final(&id(100 + n)).await["status"], "succeeded", "job {n}");
    }
    let seen = lab.seen.lock().unwrap();
    assert_eq!(seen.created.len(), 100, "each once");
    assert!(seen.most_running <= 4, "{} at once", seen.most_running);
    // Nobody waits until the first engine has ended its seventy.
    let last_of_others = seen.created.iter().rposition(|(id, _)| !id.starts_with("one-")).unwrap();
    assert!(last_of_others < 90, "{last_of_others}");
}
