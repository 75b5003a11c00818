//! A server in a folder of its own, a database of its own, and people who call it.

use std::future::Future;
use std::path::PathBuf;

use oto_backend::{Config, Served};
use oto_media::worker::Workers;
use reqwest::{Method, RequestBuilder};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "four quiet paper boats";

/// Where tests find PostgreSQL; `cargo xtask test` starts one and says so.
const POSTGRES: &str = "OTO_TEST_POSTGRES";

pub(crate) struct Home {
    pub(crate) base: String,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) client: reqwest::Client,
    pub(crate) db: DatabaseConnection,
    pub(crate) config: Config,
    served: Option<Served>,
}

pub(crate) fn workers() -> Workers {
    Workers::of_program_with_argument(env!("CARGO_BIN_EXE_oto-backend"))
}

pub(crate) fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only(std::iter::empty::<reqwest::Certificate>())
        .build()
        .unwrap()
}

/// Runs a test over both databases.
pub(crate) async fn both<F: Future<Output = ()>>(test: impl Fn(Home) -> F) {
    both_with(|_| {}, test).await;
}

/// The same with other settings.
pub(crate) async fn both_with<F: Future<Output = ()>>(
    change: impl Fn(&mut Config),
    test: impl Fn(Home) -> F,
) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oto.sqlite");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    test(start("sqlite:", &url, folder, &change).await).await;
    let Ok(server) = std::env::var(POSTGRES) else {
        eprintln!("skipped: PostgreSQL ({POSTGRES} is not set; cargo xtask test sets it)");
        return;
    };
    let name = format!("oto_{}", uuid::Uuid::now_v7().simple());
    let admin = Database::connect(format!("{server}/postgres")).await.unwrap();
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let url = format!("{server}/{name}");
    test(start(&url, &url, tempfile::tempdir().unwrap(), &change).await).await;
    admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

async fn start(
    database: &str,
    own: &str,
    folder: tempfile::TempDir,
    change: &impl Fn(&mut Config),
) -> Home {
    let mut config = Config::in_folder(folder.path());
    config.database_url = database.into();
    config.sign_ins_per_minute = 10_000;
    config.writes_per_minute = 100_000;
    config.reads_per_minute = 1_000_000;
    config.database_connections = 6;
    change(&mut config);
    let served = Served::start(config.clone(), workers()).await.unwrap();
    // Others of the same database say that they are the same.
    config.public_url = format!("http://{}", served.address);
    Home {
        base: format!("http://{}", served.address),
        client: client(),
        db: Database::connect(own).await.unwrap(),
        folder,
        config,
        served: Some(served),
    }
}

/// Somebody who signed in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

impl Home {
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/api/v1{path}", self.base))
    }

    pub(crate) fn by(&self, who: &Person, method: Method, path: &str) -> RequestBuilder {
        self.call(method, path).bearer_auth(&who.token)
    }

    /// Somebody new.
    pub(crate) async fn person(&self, handle: &str) -> Person {
        let body = json!({"email": format!("{handle}@example.org"), "password": PASSWORD, "handle": handle, "name": handle});
        let (status, tokens) = answer(self.call(Method::POST, "/auth/register").json(&body)).await;
        assert_eq!(status, 201, "{tokens}");
        let token = text(&tokens["access_token"]);
        let (_, me) = answer(self.call(Method::GET, "/me").bearer_auth(&token)).await;
        Person { id: text(&me["id"]), token, refresh: text(&tokens["refresh_token"]) }
    }

    /// Changes a row as nobody outside could.
    pub(crate) async fn sql(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap();
    }

    /// One number from the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        let row = self.db.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.db.get_database_backend() == DbBackend::Postgres
    }

    /// Publishes a text.
    pub(crate) async fn text(&self, who: &Person, title: &str, more: Value) -> Value {
        let mut work = json!({"id": uuid::Uuid::now_v7(), "kind": "text", "title": title, "text": format!("{title}, in words"), "visibility": "public", "may_reuse": true, "shows_sources": true});
        for (key, value) in more.as_object().into_iter().flatten() {
            work[key] = value.clone();
        }
        let (status, made) = answer(self.by(who, Method::POST, "/works").json(&work)).await;
        assert_eq!(status, 201, "{made}");
        made
    }

    /// Uploads bytes in one piece.
    pub(crate) async fn upload(&self, who: &Person, bytes: Vec<u8>) -> (u16, Value) {
        answer(self.by(who, Method::POST, "/assets").body(bytes)).await
    }

    /// Asks until it is so.
    pub(crate) async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        for _ in 0..200 {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("this never came: {what}");
    }

    /// Signs in on pages: the cookie.
    pub(crate) async fn page_login(&self, handle: &str) -> String {
        let form = [("email", format!("{handle}@example.org")), ("password", PASSWORD.to_owned())];
        let got = self.form("/login", "", &form).await;
        assert_eq!(got.status(), 303);
        let cookie = got.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Sends a form as a page of this server does.
    pub(crate) async fn form(
        &self,
        path: &str,
        cookie: &str,
        form: &[(&str, String)],
    ) -> reqwest::Response {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.client
            .post(format!("{}{path}", self.base))
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(body)
            .send()
            .await
            .unwrap()
    }

    /// Somebody with the rights of a moderator or an admin, signed in with a second factor: the cookie.
    pub(crate) async fn operator(&self, handle: &str) -> String {
        let cookie = self.page_login(handle).await;
        let secret = self.enrol_secret(&cookie).await;
        let form = [("secret", secret.clone()), ("code", code_of(&secret, 0))];
        let set = self.form("/admin/second-factor", &cookie, &form).await;
        assert_eq!(set.status(), 303, "{}", set.text().await.unwrap());
        cookie
    }

    /// The secret that the page of the second factor shows.
    pub(crate) async fn enrol_secret(&self, cookie: &str) -> String {
        let page = self.client.get(format!("{}/admin/second-factor", self.base));
        let page = page.header("cookie", cookie).send().await.unwrap().text().await.unwrap();
        let (_, rest) =
            page.split_once("name=\"secret\" value=\"").unwrap_or_else(|| panic!("{page}"));
        rest.split('"').next().unwrap().to_owned()
    }

    /// The letters that were sent, newest last.
    pub(crate) fn letters(&self) -> Vec<String> {
        let folder: PathBuf = self.folder.path().join("mail");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .map(|all| all.flatten().map(|e| e.path()).collect())
            .unwrap_or_default();
        files.sort_by_key(|p: &PathBuf| p.metadata().and_then(|m| m.modified()).ok());
        files.iter().map(|p| std::fs::read_to_string(p).unwrap().replace("=\r\n", "")).collect()
    }

    /// A second server of the same database.
    pub(crate) async fn another(&self) -> Served {
        Served::start(self.config.clone(), workers()).await.unwrap()
    }

    /// A second server of the same database, which works on jobs.
    pub(crate) async fn another_that_works(&self) -> Served {
        let config = Config { works: true, ..self.config.clone() };
        Served::start(config, workers()).await.unwrap()
    }

    pub(crate) async fn stop(mut self) {
        if let Some(served) = self.served.take() {
            served.stop().await;
        }
    }
}

/// Waits until a half minute is young, so that a test sees one and the same.
pub(crate) async fn young_half_minute() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let left = 30 - now.as_secs() % 30;
    if left < 8 {
        tokio::time::sleep(std::time::Duration::from_secs(left)).await;
    }
}

/// The code of an authenticator, some half minutes from now.
pub(crate) fn code_of(secret: &str, steps: i64) -> String {
    let secret = totp_rs::Secret::Encoded(secret.to_owned()).to_bytes().unwrap();
    let totp = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 1, 30, secret).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    totp.generate(now.as_secs().saturating_add_signed(steps * 30))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Status and body of an answer; what is no JSON is null.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

/// The code of a refusal.
pub(crate) async fn refused(request: RequestBuilder) -> (u16, String) {
    let (status, body) = answer(request).await;
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}
