//! The embedded home over HTTP, as the desk speaks to it: who may call, jobs once and once only,
//! stopping, restarting.
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{id, start};

fn text_job() -> Value {
    json!({"kind": "text", "engine": "local-text", "prompt": "Lisbon at dawn, a cat", "seed": 7})
}

fn slow_job(url: &str) -> (Value, Value) {
    let config = json!({"adapter": "openai", "base_url": url, "model": "m"});
    (config, json!({"kind": "text", "engine": "slow", "prompt": "x", "seed": 1}))
}

/// A server that takes connections and never answers.
fn silent_server() -> (String, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    (format!("http://{}/v1", listener.local_addr().unwrap()), listener)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_program_that_started_it_may_call() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start(folder.path());
    let url = format!("{}/api/v1/home", caller.base);
    let status =
        |r: reqwest::RequestBuilder| async move { r.send().await.unwrap().status().as_u16() };
    assert_eq!(status(caller.call("GET", "/home")).await, 200);
    assert_eq!(status(caller.client.get(&url)).await, 401);
    assert_eq!(status(caller.client.get(&url).bearer_auth("wrong")).await, 401);
    assert_eq!(
        status(caller.call("GET", "/home").header("origin", "https://evil.example")).await,
        403
    );
    assert_eq!(status(caller.call("GET", "/home").header("host", "evil.example")).await, 403);
    assert_eq!(status(caller.call("GET", "/nothing")).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_job_submitted_many_times_is_one_job() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start(folder.path());
    let (one, job) = (id(1), text_job());
    let answers = futures_util::future::join_all((0..40).map(|_| caller.submit(&one, &job))).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 202).count(), 1);
    assert!(answers.iter().all(|(status, _)| matches!(status, 200 | 202)));
    let other =
        json!({"kind": "text", "engine": "local-text", "prompt": "something else", "seed": 7});
    let (status, problem) = caller.submit(&one, &other).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("idempotency_key_reuse")));
    let done = caller.until_final(&one).await;
    assert_eq!(done["status"], "succeeded");
    assert_eq!(done["attempt"], 1);
    assert!(done["text"].as_str().unwrap().contains("Lisbon at dawn"));
    let hash = done["outputs"][0]["hash"].as_str().unwrap();
    let bytes = caller
        .call("GET", &format!("/assets/{hash}/content"))
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), hash);
    assert_eq!(bytes, done["text"].as_str().unwrap().as_bytes());
    // The same bytes made by another job stay until that one is taken over too.
    caller.submit(&id(8), &job).await;
    caller.until_final(&id(8)).await;
    let there = || async {
        caller
            .call("HEAD", &format!("/assets/by-hash/{hash}"))
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for (job, left) in [(id(1), 200), (id(1), 200), (id(8), 404), (id(8), 404)] {
        let released =
            caller.call("POST", &format!("/jobs/{job}/release")).json(&()).send().await.unwrap();
        assert_eq!((released.status().as_u16(), there().await), (204, left));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_jobs_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start(folder.path());
    for job in [
        json!({"kind": "text", "engine": "no-such", "prompt": "x", "seed": 1}),
        json!({"kind": "video", "engine": "local-text", "prompt": "x", "seed": 1}),
        json!({"kind": "song", "engine": "local-text", "prompt": "x", "seed": 1}),
        json!({"kind": "text", "engine": "local-text", "prompt": "x".repeat(200_000), "seed": 1}),
        json!({"nonsense": true}),
    ] {
        let (status, problem) = caller.submit(&id(2), &job).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("validation")), "{job}");
        assert!(problem["detail"].as_str().unwrap().len() > 10);
    }
    let missing = caller.call("POST", "/jobs").json(&text_job()).send().await.unwrap();
    assert_eq!(missing.status().as_u16(), 400);
    // A job that cannot be made fails alone, with a sentence.
    let empty = json!({"kind": "text", "engine": "local-text", "prompt": " ", "seed": 1});
    caller.submit(&id(3), &empty).await;
    let failed = caller.until_final(&id(3)).await;
    assert_eq!(
        (failed["status"].as_str(), failed["error"]["class"].as_str()),
        (Some("failed"), Some("invalid_request"))
    );
    let upload =
        caller.call("POST", "/assets").body(vec![0u8, 159, 146, 150]).send().await.unwrap();
    assert_eq!(upload.status().as_u16(), 415);
    let outside = caller.call("GET", "/assets/..%2f..%2fjobs.sqlite/content").send().await.unwrap();
    assert_eq!(outside.status().as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_stops_at_once_and_its_end_is_final() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start(folder.path());
    let (url, _server) = silent_server();
    let (config, job) = slow_job(&url);
    let added = caller.call("PUT", "/engines/slow").json(&config).send().await.unwrap();
    assert_eq!(added.status().as_u16(), 204);
    caller.submit(&id(4), &job).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = std::time::Instant::now();
    caller.call("POST", &format!("/jobs/{}/cancel", id(4))).json(&()).send().await.unwrap();
    assert_eq!(caller.until_final(&id(4)).await["status"], "canceled");
    assert!(started.elapsed() < Duration::from_secs(2));
    caller.call("POST", &format!("/jobs/{}/cancel", id(4))).json(&()).send().await.unwrap();
    assert_eq!(caller.until_final(&id(4)).await["status"], "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_engines_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _server) = silent_server();
    let (home, caller) = start(folder.path());
    let (config, job) = slow_job(&url);
    caller.call("PUT", "/engines/slow").json(&config).send().await.unwrap();
    caller.submit(&id(5), &text_job()).await;
    let before = caller.until_final(&id(5)).await;
    caller.submit(&id(6), &job).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let quitting = std::time::Instant::now();
    drop(home);
    println!("a quit with local work took {:?}", quitting.elapsed());
    assert!(quitting.elapsed() < Duration::from_secs(1));
    let (_home, caller) = start(folder.path());
    let after = caller.until_final(&id(5)).await;
    assert_eq!(after["outputs"], before["outputs"]);
    let engines: Value = caller.call("GET", "/engines").send().await.unwrap().json().await.unwrap();
    assert!(engines.as_array().unwrap().iter().any(|e| e["id"] == "slow"));
    // A local server costs nothing, so its job simply runs again.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let again: Value =
        caller.call("GET", &format!("/jobs/{}", id(6))).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (again["status"].as_str(), again["attempt"].as_u64()),
        (Some("running"), Some(1)),
        "a quit is no try"
    );
    caller.call("POST", &format!("/jobs/{}/cancel", id(6))).json(&()).send().await.unwrap();
}
