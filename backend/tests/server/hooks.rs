//! Webhooks to others' servers: signed, delivered, and nobody waits for anybody's slow one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use ring::hmac;
use serde_json::json;

use crate::common::{Home, Person, answer, both_with, text};

/// What came: headers and body.
type Got = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// An endpoint of somebody's: its secret.
async fn endpoint(home: &Home, who: &Person, url: &str) -> String {
    let hook = json!({"url": url, "kinds": ["work.published"]});
    let (status, made) = answer(home.by(who, Method::POST, "/webhook-endpoints").json(&hook)).await;
    assert_eq!(status, 201, "{made}");
    text(&made["secret"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_signed_and_waits_for_nobodys_slow_endpoint() {
    let got = Got::default();
    let take = async |State(got): State<Got>, headers: HeaderMap, body: String| {
        got.lock().unwrap().push((headers, body));
    };
    let slow = async || std::future::pending::<()>().await;
    let app = Router::new()
        .route("/quick", post(take))
        .route("/slow", post(slow))
        .with_state(Arc::clone(&got));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    both_with(
        |config| config.webhook_allow = vec!["127.0.0.0/8".parse().unwrap()],
        |home: Home| {
            let (base, got) = (base.clone(), Arc::clone(&got));
            async move {
                got.lock().unwrap().clear();
                let (mallory, ada) = (home.person("mallory").await, home.person("ada").await);
                endpoint(&home, &mallory, &format!("{base}/slow")).await;
                let secret = endpoint(&home, &ada, &format!("{base}/quick")).await;
                for i in 0..8 {
                    home.text(&mallory, &format!("Slow {i}"), json!({})).await;
                }
                // As long as two of them are waited for, four others come one after the other.
                tokio::time::sleep(Duration::from_secs(2)).await;
                let begun = std::time::Instant::now();
                for n in 1..=4 {
                    home.text(&ada, &format!("Quick {n}"), json!({})).await;
                    home.until("a webhook", async || {
                        (got.lock().unwrap().len() == n).then_some(())
                    })
                    .await;
                }
                // An endpoint has fifteen seconds.
                assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
                let sql =
                    "SELECT COUNT(*) FROM webhook_delivery WHERE state = 'open' AND attempt > 0";
                assert!(home.number(sql).await <= 2, "a few of each person at a time");
                let (headers, body) = got.lock().unwrap()[0].clone();
                let of = |name: &str| headers[name].to_str().unwrap().to_owned();
                let signed = format!("{}.{}.{body}", of("webhook-id"), of("webhook-timestamp"));
                let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
                assert_eq!(of("webhook-signature"), format!("v1,{}", STANDARD.encode(tag)));
                home.stop().await;
            }
        },
    )
    .await;
}
