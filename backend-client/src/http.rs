//! Calls to one home.

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use oto_api_types::Problem;
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;

use crate::ClientError;

/// Where a backend lives and how to speak to it.
#[derive(Clone)]
pub struct Home {
    base: String,
    secret: SecretString,
    client: Client,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Home {
    /// The home embedded in this program.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn embedded(base_url: &str, secret: SecretString) -> Result<Self, ClientError> {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // An error means that the backend installed one before, which is as good.
            rustls::crypto::ring::default_provider().install_default().ok();
        });
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(60))
            .tls_certs_only(std::iter::empty::<reqwest::Certificate>())
            .build()
            .or(Err(ClientError::Unreachable))?;
        Ok(Self { base: format!("{base_url}/api/v1"), secret, client })
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.secret.expose_secret())
    }

    pub(crate) async fn send(&self, call: RequestBuilder) -> Result<Response, ClientError> {
        let response = call.send().await.or(Err(ClientError::Unreachable))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        match response.json::<Problem>().await {
            Ok(problem) => Err(ClientError::Refused(problem)),
            Err(_) if status == 404 => Err(ClientError::Refused(Problem {
                kind: String::new(),
                title: String::new(),
                status,
                detail: "it is not there".to_owned(),
                code: "not_found".to_owned(),
                retry_after: None,
            })),
            Err(_) => Err(ClientError::Nonsense),
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let response = self.send(self.call(Method::GET, path)).await?;
        response.json().await.or(Err(ClientError::Nonsense))
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let response = self.send(self.call(Method::POST, path).json(body)).await?;
        response.json().await.or(Err(ClientError::Nonsense))
    }

    /// Fetches media into a file, which is complete when this returns.
    pub(crate) async fn download(&self, hash: &str, into: &Path) -> Result<(), ClientError> {
        let mut response =
            self.send(self.call(Method::GET, &format!("/assets/{hash}/content"))).await?;
        let mut file = tokio::fs::File::create(into).await.map_err(ClientError::of_file)?;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => file.write_all(&chunk).await.map_err(ClientError::of_file)?,
                Ok(None) => break,
                Err(_) => return Err(ClientError::Unreachable),
            }
        }
        file.flush().await.map_err(ClientError::of_file)
    }
}
