//! Calls to a server: one function a route, with the sign-in renewed as it runs out.

use std::io::SeekFrom;
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
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

use super::session::{Session, nobody, text};
use crate::{ClientError, Credentials};

/// Bytes of an upload that are sent at once.
const PART: u64 = 4 << 20;
/// Before a stream that broke is opened again.
const REST: Duration = Duration::from_secs(10);
/// Largest medium that is fetched.
const MOST: u64 = 4 << 30;
/// Tries of a part of an upload.
const TRIES: u32 = 5;

/// A server, and whoever is signed in there. Cheap to clone.
#[derive(Clone)]
pub(super) struct Link {
    base: String,
    client: Client,
    session: Arc<Mutex<Session>>,
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
        Ok(Self { base: format!("{address}/api/v1"), client, session })
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    async fn sent(call: RequestBuilder) -> Result<Response, ClientError> {
        let response = call.send().await.or(Err(ClientError::Unreachable))?;
        if response.status().is_success() {
            return Ok(response);
        }
        match response.json::<Problem>().await {
            Ok(problem) => Err(ClientError::Refused(problem)),
            Err(_) => Err(ClientError::Nonsense),
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

    /// A call as whoever is signed in, or as nobody. A token that just ran out is renewed once.
    async fn ask(&self, method: Method, path: &str, body: Body) -> Result<Response, ClientError> {
        for is_last in [false, true] {
            let mut call = self.call(method.clone(), path);
            let token = self.token().await?;
            if let Some(token) = &token {
                call = call.bearer_auth(token.expose_secret());
            }
            if let Body::Json(json) = &body {
                call = call.json(json);
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
        let file_error = |e: std::io::Error| ClientError::File(e.to_string());
        let path = format!("/shared/media/{hash}");
        let mut response = self.ask(Method::GET, &path, Body::Nothing).await?;
        let part = into.with_extension("part");
        let mut file = tokio::fs::File::create(&part).await.map_err(file_error)?;
        let (mut hasher, mut size) = (blake3::Hasher::new(), 0u64);
        while let Some(bytes) = response.chunk().await.or(Err(ClientError::Unreachable))? {
            size += bytes.len() as u64;
            if size > MOST {
                return Err(ClientError::Nonsense);
            }
            hasher.update(&bytes);
            file.write_all(&bytes).await.map_err(file_error)?;
        }
        file.flush().await.map_err(file_error)?;
        if hasher.finalize().to_hex().as_str() != hash {
            // What was sent is something else.
            tokio::fs::remove_file(&part).await.ok();
            return Err(ClientError::Nonsense);
        }
        tokio::fs::rename(&part, into).await.map_err(file_error)
    }

    /// Uploads a file in parts; one that breaks off goes on where the server says (tus 1.0), and one
    /// that could not be looked at in the end is looked at again. The hash under which the server has
    /// it. The file is never in memory as a whole.
    pub(super) async fn upload(&self, path: &Path) -> Result<String, ClientError> {
        let file_error = |e: std::io::Error| ClientError::File(e.to_string());
        let (hash, size) = hashed(path).await?;
        let token = self.token().await?.ok_or_else(nobody)?;
        let there = self.call(Method::HEAD, &format!("/assets/by-hash/{hash}"));
        let there = there.bearer_auth(token.expose_secret()).send().await;
        if there.is_ok_and(|r| r.status().is_success()) {
            return Ok(hash);
        }
        let named = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &hash);
        let begin = self
            .tus(Method::POST, format!("{}/uploads", self.base))
            .await?
            .header("upload-length", size.to_string())
            .header("upload-metadata", format!("hash {named}"));
        let begun = Self::sent(begin).await?;
        // Its own address is told; only its last part is taken, so that it stays at this server.
        let id = begun.headers().get("location").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let id = id.rsplit('/').next().unwrap_or_default();
        let place = format!("{}/uploads/{id}", self.base);
        let mut file = tokio::fs::File::open(path).await.map_err(file_error)?;
        let (mut at, mut tries) = (0u64, 0);
        loop {
            file.seek(SeekFrom::Start(at)).await.map_err(file_error)?;
            let mut part = Vec::new();
            (&mut file).take(PART).read_to_end(&mut part).await.map_err(file_error)?;
            let end = at + part.len() as u64;
            let call = self
                .tus(Method::PATCH, place.clone())
                .await?
                .header("content-type", "application/offset+octet-stream")
                .header("upload-offset", at.to_string())
                .body(part);
            match Self::sent(call).await {
                // Named, it was looked at.
                Ok(answer) if answer.headers().contains_key("oto-asset") => return Ok(hash),
                Ok(_) if end >= size => return Err(ClientError::Nonsense),
                Ok(_) => (at, tries) = (end, 0),
                Err(error) if error.may_pass() && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(500 << tries)).await;
                    at = self.offset(&place).await.unwrap_or(at);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn tus(&self, method: Method, url: String) -> Result<RequestBuilder, ClientError> {
        let token = self.token().await?.ok_or_else(nobody)?;
        let call = self.client.request(method, url).bearer_auth(token.expose_secret());
        Ok(call.header("tus-resumable", "1.0.0"))
    }

    async fn offset(&self, place: &str) -> Option<u64> {
        let call = self.tus(Method::HEAD, place.to_owned()).await.ok()?;
        let answer = Self::sent(call).await.ok()?;
        answer.headers().get("upload-offset")?.to_str().ok()?.parse().ok()
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

/// BLAKE3 and length of a file.
async fn hashed(path: &Path) -> Result<(String, u64), ClientError> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(path)?)?;
        Ok((hasher.finalize().to_hex().to_string(), hasher.count()))
    });
    let read: std::io::Result<_> = read.await.or(Err(ClientError::Nonsense))?;
    read.map_err(|e| ClientError::File(e.to_string()))
}

fn query_of(pairs: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name, value);
    }
    query.finish()
}
