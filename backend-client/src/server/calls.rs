//! Calls to a server: one function a route, with the sign-in renewed as it runs out.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oto_api_types::{
    Account, Comment, CommentPage, Counters, DeviceCode, DeviceStart, DeviceToken, NewComment,
    NewReport, NewWork, NotificationPage, Person, PersonPage, Problem, Refresh, Tile, Tokens, Vote,
    WallEvent, WallExtent, Wallet, Work, WorkPage,
};
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

use super::session::{Session, nobody, text};
use crate::{ClientError, Credentials};

/// Before a stream that broke is opened again.
const REST: Duration = Duration::from_secs(10);
/// Largest medium that is fetched.
const MOST: u64 = 4 << 30;

/// A server, and whoever is signed in there. Cheap to clone.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) base: String,
    pub(super) client: Client,
    session: Arc<Mutex<Session>>,
    /// Uploads that broke off: where they go on, by hash.
    pub(super) unfinished: Arc<Mutex<HashMap<String, String>>>,
}

/// What a call carries.
enum Body {
    Nothing,
    Json(serde_json::Value),
}

impl Link {
    pub(super) fn new(address: &str, keys: Credentials) -> Result<Self, ClientError> {
        // A second provider is refused, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(60))
            .user_agent(concat!("oTo/", env!("CARGO_PKG_VERSION")));
        if address.starts_with("http://") {
            client = client.no_proxy().tls_certs_only(std::iter::empty::<reqwest::Certificate>());
        }
        let client = client.build().or(Err(ClientError::Unreachable))?;
        let session = Arc::new(Mutex::new(Session::new(keys, address)));
        let unfinished = Arc::default();
        Ok(Self { base: format!("{address}/api/v1"), client, session, unfinished })
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn sent(call: RequestBuilder) -> Result<Response, ClientError> {
        let response = call.send().await.or(Err(ClientError::Unreachable))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let refused = refusal_of(&response);
        match (response.json::<Problem>().await, refused) {
            (Ok(problem), _) => Err(ClientError::Refused(problem)),
            // The answer to a HEAD has no body.
            (Err(_), Some(problem)) => Err(ClientError::Refused(problem)),
            (Err(_), None) => Err(ClientError::Nonsense),
        }
    }

    async fn read<T: DeserializeOwned>(response: Response) -> Result<T, ClientError> {
        response.json().await.or(Err(ClientError::Nonsense))
    }

    /// Whether somebody is signed in; the sign-in may still be refused.
    pub(super) async fn is_signed_in(&self) -> Result<bool, ClientError> {
        Ok(self.session.lock().await.refresh_token().await?.is_some())
    }

    /// A token that is good now, if somebody is signed in.
    async fn token(&self) -> Result<Option<secrecy::SecretString>, ClientError> {
        // Held while it is renewed, so that one program renews once.
        let mut session = self.session.lock().await;
        if let Some(token) = session.access() {
            return Ok(Some(token));
        }
        let Some(refresh) = session.refresh_token().await? else { return Ok(None) };
        let body = Refresh { refresh_token: text(&refresh) };
        match Self::sent(self.call(Method::POST, "/auth/refresh").json(&body)).await {
            Ok(response) => {
                let tokens: Tokens = Self::read(response).await?;
                session.keep(&tokens).await?;
                Ok(session.access())
            }
            Err(ClientError::Refused(problem)) if problem.status == 401 => {
                session.forget().await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A call with JSON or nothing.
    async fn ask(&self, method: Method, path: &str, body: Body) -> Result<Response, ClientError> {
        let call = || {
            let call = self.call(method.clone(), path);
            match &body {
                Body::Nothing => call,
                Body::Json(json) => call.json(json),
            }
        };
        self.signed(call).await
    }

    /// A call as whoever is signed in, or as nobody. A token that just ran out is renewed once.
    pub(super) async fn signed(
        &self,
        call: impl Fn() -> RequestBuilder,
    ) -> Result<Response, ClientError> {
        for is_last in [false, true] {
            let mut call = call();
            let token = self.token().await?;
            if let Some(token) = &token {
                call = call.bearer_auth(token.expose_secret());
            }
            match Self::sent(call).await {
                Err(ClientError::Refused(p)) if p.status == 401 && token.is_some() && !is_last => {
                    self.session.lock().await.expire();
                }
                other => return other,
            }
        }
        Err(nobody())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        Self::read(self.ask(Method::GET, path, Body::Nothing).await?).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let json = serde_json::to_value(body).or(Err(ClientError::Nonsense))?;
        Self::read(self.ask(method, path, Body::Json(json)).await?).await
    }

    pub(super) async fn begin_sign_in(&self, client: &str) -> Result<DeviceCode, ClientError> {
        let body = DeviceStart { client: client.to_owned() };
        Self::read(Self::sent(self.call(Method::POST, "/auth/device/code").json(&body)).await?)
            .await
    }

    /// Asks until somebody decided (RFC 8628, 3.5).
    pub(super) async fn wait_for_sign_in(&self, code: &DeviceCode) -> Result<(), ClientError> {
        let mut pause = Duration::from_secs(code.interval.clamp(1, 60));
        let body = DeviceToken { device_code: code.device_code.clone() };
        loop {
            tokio::time::sleep(pause).await;
            match Self::sent(self.call(Method::POST, "/auth/device/token").json(&body)).await {
                Ok(response) => {
                    let tokens: Tokens = Self::read(response).await?;
                    return self.session.lock().await.keep(&tokens).await;
                }
                Err(ClientError::Refused(p)) if p.code == "authorization_pending" => {}
                Err(ClientError::Refused(p)) if p.code == "slow_down" => {
                    pause += Duration::from_secs(5);
                }
                Err(error) if error.may_pass() => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn sign_out(&self) {
        let token = self.session.lock().await.forget().await;
        if let Some(token) = token {
            let body = Refresh { refresh_token: text(&token) };
            // It is forgotten here whatever the server says.
            Self::sent(self.call(Method::POST, "/auth/logout").json(&body)).await.ok();
        }
    }

    pub(super) async fn account(&self) -> Result<Account, ClientError> {
        self.get("/me").await
    }

    pub(super) async fn wallet(&self) -> Result<Wallet, ClientError> {
        self.get("/wallet").await
    }

    pub(super) async fn extent(&self) -> Result<WallExtent, ClientError> {
        self.get("/shared/extent").await
    }

    pub(super) async fn tile(&self, z: u8, x: i64, y: i64) -> Result<Tile, ClientError> {
        let call = self.call(Method::GET, &format!("/shared/tiles/{z}/{x}/{y}"));
        Self::read(Self::sent(call).await?).await
    }

    pub(super) async fn work(&self, id: &str) -> Result<Work, ClientError> {
        self.get(&format!("/works/{id}")).await
    }

    pub(super) async fn works(&self, query: &[(&str, String)]) -> Result<WorkPage, ClientError> {
        self.get(&format!("/works?{}", query_of(query))).await
    }

    pub(super) async fn people(&self, words: &str) -> Result<PersonPage, ClientError> {
        self.get(&format!("/people?{}", query_of(&[("q", words.to_owned())]))).await
    }

    pub(super) async fn comments(&self, work: &str) -> Result<CommentPage, ClientError> {
        self.get(&format!("/works/{work}/comments?limit=100")).await
    }

    pub(super) async fn say(&self, work: &str, text: String) -> Result<Comment, ClientError> {
        let body = NewComment { text, reply_to: None };
        self.send(Method::POST, &format!("/works/{work}/comments"), &body).await
    }

    pub(super) async fn like(&self, work: &str, wanted: bool) -> Result<Counters, ClientError> {
        let method = if wanted { Method::PUT } else { Method::DELETE };
        let path = format!("/works/{work}/like");
        Self::read(self.ask(method, &path, Body::Nothing).await?).await
    }

    pub(super) async fn vote(&self, work: &str, value: i64) -> Result<Counters, ClientError> {
        self.send(Method::PUT, &format!("/works/{work}/vote"), &Vote { value }).await
    }

    pub(super) async fn person(&self, name: &str) -> Result<Person, ClientError> {
        self.get(&format!("/people/{name}")).await
    }

    pub(super) async fn follow(&self, person: &str, wanted: bool) -> Result<(), ClientError> {
        let method = if wanted { Method::PUT } else { Method::DELETE };
        self.ask(method, &format!("/people/{person}/follow"), Body::Nothing).await.map(drop)
    }

    pub(super) async fn publish(&self, work: &NewWork) -> Result<Work, ClientError> {
        self.send(Method::POST, "/works", work).await
    }

    pub(super) async fn remove(&self, work: &str) -> Result<(), ClientError> {
        self.ask(Method::DELETE, &format!("/works/{work}"), Body::Nothing).await.map(drop)
    }

    pub(super) async fn report(&self, work: &str, reason: &str) -> Result<(), ClientError> {
        let body = NewReport {
            target_kind: "work".to_owned(),
            target: work.to_owned(),
            reason: reason.to_owned(),
            text: String::new(),
        };
        self.send::<serde_json::Value>(Method::POST, "/reports", &body).await.map(drop)
    }

    pub(super) async fn notices(&self) -> Result<NotificationPage, ClientError> {
        self.get("/notifications").await
    }

    pub(super) async fn read_notices(&self) -> Result<(), ClientError> {
        self.ask(Method::POST, "/notifications/read", Body::Nothing).await.map(drop)
    }

    /// Media of the wall, into a file that is complete when this returns. What comes is what the hash
    /// says, or an error.
    pub(super) async fn fetch(&self, hash: &str, into: &Path) -> Result<(), ClientError> {
        let part = into.with_extension("part");
        if let Err(error) = self.fetch_part(hash, &part).await {
            // It is half of something, or something else.
            tokio::fs::remove_file(&part).await.ok();
            return Err(error);
        }
        tokio::fs::rename(&part, into).await.map_err(ClientError::of_file)
    }

    async fn fetch_part(&self, hash: &str, part: &Path) -> Result<(), ClientError> {
        let path = format!("/shared/media/{hash}");
        let mut response = self.ask(Method::GET, &path, Body::Nothing).await?;
        let mut file = tokio::fs::File::create(part).await.map_err(ClientError::of_file)?;
        let (mut hasher, mut size) = (blake3::Hasher::new(), 0u64);
        while let Some(bytes) = response.chunk().await.or(Err(ClientError::Unreachable))? {
            size += bytes.len() as u64;
            if size > MOST {
                return Err(ClientError::Nonsense);
            }
            hasher.update(&bytes);
            file.write_all(&bytes).await.map_err(ClientError::of_file)?;
        }
        file.flush().await.map_err(ClientError::of_file)?;
        match hasher.finalize().to_hex().as_str() == hash {
            true => Ok(()),
            false => Err(ClientError::Nonsense),
        }
    }

    /// Hears of changes of the wall until the program ends.
    pub(super) async fn listen(&self, tell: impl Fn(Option<WallEvent>)) -> Result<(), ClientError> {
        loop {
            self.events("/shared/events", |data| tell(serde_json::from_str(data).ok())).await.ok();
            tokio::time::sleep(REST).await;
            // Whatever happened meanwhile was not heard.
            tell(None);
        }
    }

    /// Hears how many notices were not read, until nobody is signed in any more.
    pub(super) async fn listen_to_notices(&self, tell: impl Fn(i64)) -> Result<(), ClientError> {
        while self.is_signed_in().await? {
            let told = |data: &str| {
                let told: Option<serde_json::Value> = serde_json::from_str(data).ok();
                if let Some(unread) = told.and_then(|t| t["unread"].as_i64()) {
                    tell(unread);
                }
            };
            self.events("/notifications/events", told).await.ok();
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    /// Reads one stream of events to its end.
    async fn events(&self, path: &str, tell: impl Fn(&str)) -> Result<(), ClientError> {
        let mut response = self.ask(Method::GET, path, Body::Nothing).await?;
        let mut text = String::new();
        while let Ok(Some(bytes)) = response.chunk().await {
            text.push_str(&String::from_utf8_lossy(&bytes));
            while let Some(end) = text.find("\n\n") {
                let event: String = text.drain(..end + 2).collect();
                if let Some(data) = event.lines().find_map(|l| l.strip_prefix("data:")) {
                    tell(data.trim());
                }
            }
            if text.len() > 1 << 16 {
                text.clear();
            }
        }
        Ok(())
    }
}

/// What the head of an answer says when the caller was refused.
fn refusal_of(response: &Response) -> Option<Problem> {
    let status = response.status();
    let wait = response.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
    let code = if status.as_u16() == 401 { "unauthorized" } else { "refused" };
    status.is_client_error().then(|| Problem {
        kind: String::new(),
        title: String::new(),
        status: status.as_u16(),
        detail: format!("the server refused this ({status})"),
        code: code.to_owned(),
        retry_after: wait,
    })
}

fn query_of(pairs: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name, value);
    }
    query.finish()
}
