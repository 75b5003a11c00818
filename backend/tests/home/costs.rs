//! What was made and what it cost; limits.

use serde_json::{Value, json};

use crate::common::{Caller, id, start};

/// A server on this machine that says what each answer costs.
async fn priced(cost: f64) -> String {
    use axum::{Json, Router, routing::post};
    let answer = json!({
        "choices": [{ "message": { "content": "The tram climbs." } }],
        "usage": { "cost": cost, "prompt_tokens": 11, "completion_tokens": 5 },
    });
    let routes =
        Router::new().route("/v1/chat/completions", post(move || async move { Json(answer) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

async fn usage(caller: &Caller) -> Value {
    caller.call("GET", "/usage").send().await.unwrap().json().await.unwrap()
}

async fn limit(caller: &Caller, budget: &Value) -> u16 {
    let answer = caller.call("PUT", "/usage/budget").json(budget).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_is_summed_and_limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (home, caller) = start(folder.path());
    let config = json!({ "adapter": "openai", "base_url": priced(0.25).await, "model": "m" });
    caller.call("PUT", "/engines/lab").json(&config).send().await.unwrap();
    let lab = |n: u32| json!({ "kind": "text", "engine": "lab", "prompt": format!("{n}"), "seed": n, "agent": "Writer" });
    for n in 0..3 {
        assert_eq!(caller.submit(&id(n), &lab(n)).await.0, 202);
        assert_eq!(caller.until_final(&id(n)).await["status"], "succeeded");
    }
    let empty = json!({ "kind": "text", "engine": "local-text", "prompt": " ", "seed": 1 });
    caller.submit(&id(10), &empty).await;
    caller.until_final(&id(10)).await;
    let told = usage(&caller).await;
    assert_eq!(
        (told["today_micro"].as_i64(), told["month_micro"].as_i64()),
        (Some(750_000), Some(750_000))
    );
    let of = |engine: &str| {
        let rows = told["items"].as_array().unwrap();
        rows.iter().find(|r| r["engine"] == engine).unwrap().clone()
    };
    let row = of("lab");
    assert_eq!(
        (row["calls"].as_i64(), row["succeeded"].as_i64(), row["unknown"].as_i64()),
        (Some(3), Some(3), Some(0))
    );
    assert_eq!(row["bytes"].as_i64(), Some(3 * 16));
    assert_eq!((row["agent"].as_str(), row["attempts"].as_i64()), (Some("Writer"), Some(3)));
    assert_eq!((row["tokens_in"].as_i64(), row["tokens_out"].as_i64()), (Some(33), Some(15)));
    let local = of("local-text");
    assert_eq!(
        (local["calls"].as_i64(), local["succeeded"].as_i64(), local["cost_micro"].as_i64()),
        (Some(1), Some(0), Some(0))
    );

    // A limit that is reached stops what may cost, and nothing else.
    assert_eq!(limit(&caller, &json!({ "day_micro": -1 })).await, 422);
    assert_eq!(limit(&caller, &json!({ "day_micro": 700_000 })).await, 204);
    let paid = json!({ "adapter": "replicate", "base_url": "https://api.replicate.com/v1", "model": "black-forest-labs/flux-schnell" });
    caller.call("PUT", "/engines/flux").json(&paid).send().await.unwrap();
    let flux = json!({ "kind": "image", "engine": "flux", "prompt": "a tram", "seed": 1 });
    let (status, problem) = caller.submit(&id(20), &flux).await;
    assert_eq!((status, problem["code"].as_str()), (402, Some("budget_exceeded")));
    let told = problem["detail"].as_str().unwrap();
    assert!(told.contains("$0.70") && told.contains("$0.75"), "{told}");
    assert_eq!(caller.submit(&id(21), &lab(21)).await.0, 202, "a server on this machine is free");
    // The limit is there after a restart, and goes when it is taken away.
    drop(home);
    let (_home, caller) = start(folder.path());
    assert_eq!(caller.submit(&id(20), &flux).await.0, 402);
    assert_eq!(limit(&caller, &json!({})).await, 204);
    // Without a key it fails, but it is taken.
    assert_eq!(caller.submit(&id(20), &flux).await.0, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_would_cost_is_told_and_nothing_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start(folder.path());
    let flux = json!({ "adapter": "replicate", "base_url": "https://api.replicate.com/v1", "model": "black-forest-labs/flux-schnell" });
    caller.call("PUT", "/engines/flux").json(&flux).send().await.unwrap();
    let other = json!({ "adapter": "replicate", "base_url": "https://api.replicate.com/v1", "model": "somebody/something" });
    caller.call("PUT", "/engines/other").json(&other).send().await.unwrap();
    let ask = async |engine: &str| {
        let job = json!({ "kind": "image", "engine": engine, "prompt": "a tram", "seed": 1 });
        let answer = caller.call("POST", "/jobs/estimate").json(&job).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, told) = ask("flux").await;
    assert_eq!(status, 200);
    assert!(told["low_micro"].as_i64().unwrap() > 0 && told["high_micro"].as_i64().is_some());
    assert_eq!(ask("local-image").await.1, json!({ "low_micro": 0, "high_micro": 0 }));
    assert_eq!(ask("other").await.1, json!({ "low_micro": null, "high_micro": null }));
    assert_eq!(ask("nobody").await.0, 422);
    let jobs: Value = caller.call("GET", "/jobs").send().await.unwrap().json().await.unwrap();
    assert_eq!(jobs["items"].as_array().unwrap().len(), 0);
    // Without a key to be tried there is nothing to check with.
    let tried = caller.call("POST", "/engines/flux/check?candidate=true").json(&json!(null));
    assert_eq!(tried.send().await.unwrap().status().as_u16(), 404);
}
