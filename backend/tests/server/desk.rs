//! The desk's side of a sign-in, against a server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oto_backend_client::Credentials;
use oto_backend_client::server::{Ask, Server, Told, session_account};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;

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
