//! Calls of providers: they make a server ask sooner, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, body::Bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};

use crate::common::{Home, answer, both_with, refused, text};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A provider whose work is done when the test says so, and that asks to be left alone for long.
async fn provider(done: Arc<AtomicBool>) -> String {
    let look = |State(done): State<Arc<AtomicBool>>| async move {
        if !done.load(Ordering::Relaxed) {
            // Without a call nobody asks again for two minutes.
            return Err((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "120")]));
        }
        Ok(Json(
            json!({"id": "pred-12345", "status": "succeeded", "output": ["A tram."], "logs": ""}),
        ))
    };
    let make = |body: Bytes| async move {
        let asked: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(asked.get("webhook"), None, "nobody outside reaches this server");
        Json(json!({"id": "pred-12345", "status": "starting", "urls": {}}))
    };
    let app = Router::new()
        .route("/v1/models/{owner}/{name}/predictions", post(make))
        .route("/v1/predictions/{id}", get(look))
        .with_state(done);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/v1")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_believed_wakes_its_job_and_no_other_call_does_anything() {
    let done = Arc::new(AtomicBool::new(false));
    let base = provider(Arc::clone(&done)).await;
    let set_up = |config: &mut oto_backend::Config| {
        config.master_key = Some("ab".repeat(32).into());
        config.welcome_tokens = 1_000;
        config.engines = vec![oto_backend::config::EngineConfig {
            name: "rep".to_owned(),
            adapter: "replicate".to_owned(),
            base_url: base.clone(),
            model: "a/b".to_owned(),
            key_env: String::new(),
            models: Vec::new(),
            webhook_key_env: String::new(),
            webhook_keys: vec![KEY.to_owned().into()],
        }];
    };
    both_with(set_up, |home: Home| {
        let done = Arc::clone(&done);
        async move {
            done.store(false, Ordering::Relaxed);
            let ada = home.person("ada").await;
            let id = uuid::Uuid::now_v7().to_string();
            let job = json!({"kind": "text", "engine": "rep", "prompt": "a tram", "seed": 1});
            let (status, _) = answer(
                home.by(&ada, Method::POST, "/jobs").header("idempotency-key", &id).json(&job),
            )
            .await;
            assert_eq!(status, 202);
            home.until("the job at its engine", async || {
                (home.number("SELECT COUNT(*) FROM job WHERE handle IS NOT NULL").await == 1)
                    .then_some(())
            })
            .await;
            // The address is the operator's: everybody else finds nothing there.
            let token = token_of(&home);
            let body = json!({"id": "pred-12345", "status": "succeeded"}).to_string();
            let call = |token: &str, sign: bool, name: &str| {
                let now = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap()
                    .as_secs();
                let key = STANDARD.decode(KEY.strip_prefix("whsec_").unwrap()).unwrap();
                let tag = hmac::sign(
                    &hmac::Key::new(hmac::HMAC_SHA256, &key),
                    format!("{name}.{now}.{body}").as_bytes(),
                );
                let tag = if sign { STANDARD.encode(tag) } else { STANDARD.encode([0; 32]) };
                home.call(Method::POST, &format!("/webhooks/providers/rep/{token}"))
                    .header("webhook-id", name)
                    .header("webhook-timestamp", now.to_string())
                    .header("webhook-signature", format!("v1,{tag}"))
                    .body(body.clone())
            };
            assert_eq!(refused(call(&"0".repeat(40), true, "msg_1")).await.0, 404);
            assert_eq!(refused(call(&token, false, "msg_1")).await, (400, "signature".to_owned()));
            assert_eq!(
                refused(
                    home.call(Method::POST, &format!("/webhooks/providers/nobody/{token}"))
                        .body("{}")
                )
                .await
                .0,
                404
            );
            assert_eq!(home.number("SELECT CAST(SUM(poked) AS BIGINT) FROM job").await, 0);
            // A call says that it is done; only the provider's own answer counts.
            assert_eq!(answer(call(&token, true, "msg_2")).await.0, 204);
            assert_eq!(home.number("SELECT CAST(SUM(poked) AS BIGINT) FROM job").await, 1);
            tokio::time::sleep(Duration::from_millis(500)).await;
            let (_, job) = answer(home.by(&ada, Method::GET, &format!("/jobs/{id}"))).await;
            assert_eq!(job["status"], "running");
            assert_eq!(answer(call(&token, true, "msg_2")).await.0, 204, "heard before");
            assert_eq!(home.number("SELECT CAST(SUM(poked) AS BIGINT) FROM job").await, 1);
            done.store(true, Ordering::Relaxed);
            let begun = Instant::now();
            assert_eq!(answer(call(&token, true, "msg_3")).await.0, 204);
            let job = home
                .until("the end", async || {
                    let (_, job) = answer(home.by(&ada, Method::GET, &format!("/jobs/{id}"))).await;
                    (job["status"] == "succeeded").then_some(job)
                })
                .await;
            assert_eq!(text(&job["text"]), "A tram.");
            assert!(begun.elapsed() < Duration::from_secs(10));
            home.stop().await;
        }
    })
    .await;
}

/// As `Seal::token` makes it of the master key of this test.
fn token_of(_home: &Home) -> String {
    let master = blake3::Hash::from_hex("ab".repeat(32)).unwrap();
    let names = blake3::derive_key("oTo 2026-11-29 addresses nobody can guess", master.as_bytes());
    blake3::keyed_hash(&names, b"provider:rep").to_hex()[..40].to_owned()
}
