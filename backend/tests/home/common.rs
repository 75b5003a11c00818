//! A home and somebody who calls it.
use std::path::Path;
use std::sync::Arc;

use oto_backend::{EmbedConfig, Embedded, NoKeys};
use oto_media::worker::Workers;
use secrecy::ExposeSecret;
use serde_json::Value;

pub(crate) struct Caller {
    pub(crate) base: String,
    pub(crate) secret: String,
    pub(crate) client: reqwest::Client,
}

/// A home without media workers.
pub(crate) fn start(folder: &Path) -> (Embedded, Caller) {
    start_with(folder, Workers::of_program("/nonexistent-media-worker"))
}

pub(crate) fn start_with(folder: &Path, workers: Workers) -> (Embedded, Caller) {
    let config =
        EmbedConfig { data_dir: folder.to_owned(), keys: Arc::new(NoKeys), workers, works: true };
    let home = Embedded::start(config).unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only(std::iter::empty::<reqwest::Certificate>())
        .build()
        .unwrap();
    let caller = Caller {
        base: home.base_url.clone(),
        secret: home.secret.expose_secret().to_owned(),
        client,
    };
    (home, caller)
}

impl Caller {
    pub(crate) fn call(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method.parse().unwrap(), format!("{}/api/v1{path}", self.base))
            .bearer_auth(&self.secret)
    }

    pub(crate) async fn submit(&self, id: &str, job: &Value) -> (u16, Value) {
        let answer = self
            .call("POST", "/jobs")
            .header("idempotency-key", id)
            .json(job)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) async fn until_final(&self, id: &str) -> Value {
        let mut version = 0;
        loop {
            let job: Value = self
                .call("GET", &format!("/jobs/{id}?wait=10&version={version}"))
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            version = job["version"].as_u64().unwrap();
            if matches!(
                job["status"].as_str().unwrap(),
                "succeeded" | "failed" | "canceled" | "expired"
            ) {
                return job;
            }
        }
    }
}

pub(crate) fn id(n: u32) -> String {
    format!("0192aabb-0000-7000-8000-{n:012}")
}
