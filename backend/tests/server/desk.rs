//! The desk's side of a sign-in, against a server.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{head, post};
use axum::{Json, Router};
use oto_api_types::NewWork;
use oto_backend_client::Credentials;
use oto_backend_client::server::{Ask, Server, Told, session_account};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::common::{Home, answer, both};

/// The next answer that is wanted; a failure is none.
async fn told<T: Send + 'static>(
    server: &Arc<Server>,
    want: impl Fn(Told) -> Option<T> + Send + 'static,
) -> T {
    let server = Arc::clone(server);
    let waiting = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            match server.wait_told(Duration::from_secs(1)) {
                Some(Told::Failed { what, error, .. }) => panic!("{what}: {error}"),
                Some(other) => {
                    if let Some(found) = want(other) {
                        return found;
                    }
                }
                None => {}
            }
        }
        panic!("nothing was told")
    });
    waiting.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_was_ended_elsewhere_is_none_and_another_one_begins() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let keys = Credentials::default();
        let kept = SecretString::from(ada.refresh.clone());
        keys.set_for_session(&session_account(&home.base), kept).unwrap();
        home.sql("UPDATE refresh_token SET revoked = 1").await;
        let server = Arc::new(Server::start(&home.base, keys, Arc::new(|| ())).unwrap());
        server.ask(Ask::Account);
        server.ask(Ask::SignIn { client: "a desk".to_owned() });
        let code = told(&server, |told| match told {
            Told::Code(code) => Some(code.user_code),
            Told::Account(Some(_)) => panic!("nobody is signed in"),
            _ => None,
        })
        .await;
        let login = json!({"email": "ada@example.org", "password": crate::common::PASSWORD});
        let (_, tokens) = answer(home.call(Method::POST, "/auth/login").json(&login)).await;
        let body = json!({"user_code": code, "allow": true});
        let decide = home.call(Method::POST, "/auth/device/decide").json(&body);
        let decide = decide.bearer_auth(tokens["access_token"].as_str().unwrap());
        assert_eq!(answer(decide).await.0, 204);
        let handle = told(&server, |told| match told {
            Told::Account(Some(account)) => Some(account.handle),
            _ => None,
        })
        .await;
        assert_eq!(handle, "ada");
        home.stop().await;
    })
    .await;
}

/// A server that takes one upload, and what becomes of it.
#[derive(Default)]
struct Shaky {
    /// Of the sign-in that is good now.
    token: u32,
    begun: u32,
    received: Vec<u8>,
    size: usize,
    /// How the next parts are refused.
    faults: Vec<u16>,
    /// The sign-in runs out before the next question.
    is_late: bool,
}

type Lab = Arc<Mutex<Shaky>>;

fn problem(status: u16) -> Response {
    let body = json!({"type": "", "title": "", "status": status, "detail": "", "code": "x", "retry_after": 1});
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

async fn begin(State(lab): State<Lab>, headers: HeaderMap) -> Response {
    let mut lab = lab.lock().unwrap();
    lab.begun += 1;
    lab.size = headers["upload-length"].to_str().unwrap().parse().unwrap();
    (StatusCode::CREATED, [("location", "/api/v1/uploads/one")]).into_response()
}

async fn offset(State(lab): State<Lab>, headers: HeaderMap) -> Response {
    let mut lab = lab.lock().unwrap();
    if std::mem::take(&mut lab.is_late) {
        lab.token += 1;
    }
    if headers["authorization"] != format!("Bearer t{}", lab.token) {
        return problem(401);
    }
    ([("upload-offset", lab.received.len().to_string())]).into_response()
}

async fn part(State(lab): State<Lab>, headers: HeaderMap, body: Bytes) -> Response {
    let mut lab = lab.lock().unwrap();
    match lab.faults.pop() {
        // The sign-in runs out amid the upload.
        Some(401) => lab.token += 1,
        // It arrives, and nobody says so; a HEAD before the next part tells.
        Some(504) => {
            lab.received.extend(body);
            // And that takes so long that the sign-in runs out.
            lab.is_late = true;
            return problem(504);
        }
        Some(status) => return problem(status),
        None => {}
    }
    if headers["authorization"] != format!("Bearer t{}", lab.token) {
        return problem(401);
    }
    assert_eq!(headers["upload-offset"], lab.received.len().to_string());
    lab.received.extend(body);
    let is_whole = lab.received.len() == lab.size;
    (StatusCode::NO_CONTENT, [(if is_whole { "oto-asset" } else { "x" }, "1")]).into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_outlives_its_sign_in_limits_and_a_server_that_is_away() {
    let lab = Lab::default();
    // The last is met first. So many in a row are more than are waited for: then the next call goes on.
    lab.lock().unwrap().faults = vec![503, 503, 503, 503, 503, 503, 504, 429, 401];
    let refresh = async |State(lab): State<Lab>| {
        let token = lab.lock().unwrap().token;
        Json(
            json!({"access_token": format!("t{token}"), "refresh_token": "r", "expires_in": 600, "token_type": "Bearer"}),
        )
    };
    let publish = async |Json(work): Json<Value>| {
        Json(json!({
            "id": work["id"], "kind": "text", "title": work["asset"], "text": "", "author": {"id": "a", "handle": "ada", "name": "Ada"},
            "visibility": "public", "state": "shown", "may_reuse": true, "may_comment": true, "shows_recipe": false,
            "shows_sources": false, "likes": 0, "votes": 0, "comments": 0, "created_at_ms": 0, "version": 1
        }))
    };
    let app = Router::new()
        .route("/api/v1/auth/refresh", post(refresh))
        .route("/api/v1/assets/by-hash/{hash}", head(async || StatusCode::NOT_FOUND))
        .route("/api/v1/uploads", post(begin))
        .route("/api/v1/uploads/{id}", head(offset).patch(part))
        .route("/api/v1/works", post(publish))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(Arc::clone(&lab));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let keys = Credentials::default();
    keys.set_for_session(&session_account(&base), SecretString::from("r".to_owned())).unwrap();
    let server = Arc::new(Server::start(&base, keys, Arc::new(|| ())).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film");
    let bytes: Vec<u8> = (0..9_000_000u32).map(|i| (i % 251) as u8).collect();
    std::fs::write(&film, &bytes).unwrap();
    let work: NewWork = serde_json::from_value(
        json!({"id": "w", "kind": "text", "title": "A film", "visibility": "public"}),
    )
    .unwrap();
    let publish =
        || server.ask(Ask::Publish { work: Box::new(work.clone()), media: Some(film.clone()) });
    publish();
    let own = Arc::clone(&server);
    let away = tokio::task::spawn_blocking(move || {
        loop {
            match own.wait_told(Duration::from_secs(90)) {
                Some(Told::Failed { error, .. }) => break error.may_pass(),
                Some(Told::Published(_)) => break false,
                told => assert!(told.is_some(), "nothing was told"),
            }
        }
    });
    assert!(away.await.unwrap(), "the server was away for too long");
    assert!(lab.lock().unwrap().faults.is_empty());
    publish();
    let made = told(&server, |told| match told {
        Told::Published(work) => Some(work),
        _ => None,
    })
    .await;
    assert_eq!(made.title, blake3::hash(&bytes).to_hex().to_string());
    let lab = lab.lock().unwrap();
    assert_eq!((lab.begun, lab.received == bytes), (1, true), "it went on where it broke off");
}
