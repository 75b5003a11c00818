//! The contract of chat clients, in front of an engine that speaks it, too: words as they come, keys
//! that do not, pictures from pictures, films, the rules of the house.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Json;
use axum::routing::{get, post};
use axum::{Router, response::IntoResponse};
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Home, Person, answer, both_with, text};

const PICTURE: &[u8] = include_bytes!("../home/picture.png");

/// A chat that says its words slowly, and a picture made from a form.
async fn engine() -> String {
    let chat = |Json(asked): Json<Value>| async move {
        assert_eq!(asked["model"], "small");
        let words = if asked["messages"][0]["content"] == "break" {
            vec![json!({"error": {"message": "out of paper"}}).to_string()]
        } else {
            let of = |text: &str| {
                json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string()
            };
            let mut all: Vec<String> =
                ["The tram ", "climbs ", "slowly."].iter().map(|w| of(w)).collect();
            all.push(
                json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                    .to_string(),
            );
            all.push(
                json!({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 3}})
                    .to_string(),
            );
            all.push("[DONE]".to_owned());
            all
        };
        let stream = futures_util::stream::iter(words).then(|word| async move {
            tokio::time::sleep(Duration::from_millis(700)).await;
            Ok::<_, Infallible>(Bytes::from(format!("data: {word}\n\n")))
        });
        ([("content-type", "text/event-stream")], Body::from_stream(stream)).into_response()
    };
    let edits = |body: Bytes| async move {
        assert!(body.windows(8).any(|w| w == b"a winter"), "the words of the form");
        assert!(body.windows(PICTURE.len()).any(|w| w == PICTURE), "the picture of the form");
        use base64::Engine;
        let made = base64::engine::general_purpose::STANDARD.encode(PICTURE);
        Json(json!({"data": [{"b64_json": made}]}))
    };
    let app = Router::new()
        .route("/v1/models", get(|| async { Json(json!({"data": [{"id": "small"}]})) }))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/images/edits", post(edits));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/v1")
}

fn set_up(base: &str) -> impl Fn(&mut oto_backend::Config) + use<> {
    let base = base.to_owned();
    move |config: &mut oto_backend::Config| {
        config.welcome_tokens = 1_000;
        config.held_words = vec!["contraband".to_owned()];
        config.engines = vec![oto_backend::config::EngineConfig {
            name: "lab".to_owned(),
            adapter: "openai".to_owned(),
            base_url: base.clone(),
            model: "small".to_owned(),
            key_env: String::new(),
            models: vec!["large".to_owned()],
            webhook_key_env: String::new(),
            webhook_keys: Vec::new(),
        }];
    }
}

fn v1(home: &Home, who: &Person, method: Method, path: &str) -> reqwest::RequestBuilder {
    home.client.request(method, format!("{}/v1{path}", home.base)).bearer_auth(&who.token)
}

#[tokio::test(flavor = "multi_thread")]
async fn words_come_while_they_are_made() {
    let base = engine().await;
    both_with(set_up(&base), |home: Home| async move {
        let ada = home.person("ada").await;
        let chat = |words: &str, stream: bool| {
            let message = json!([{"role": "user", "content": words}]);
            let body = json!({"model": "lab", "messages": message, "stream": stream, "stream_options": {"include_usage": true}});
            v1(&home, &ada, Method::POST, "/chat/completions").json(&body)
        };
        let mut stream = chat("a tram", true).send().await.unwrap().bytes_stream();
        let (mut all, mut before_end) = (String::new(), 0);
        while let Some(bytes) = stream.next().await {
            all.push_str(&String::from_utf8_lossy(&bytes.unwrap()));
            if all.contains("The tram") && !all.contains("slowly") {
                before_end += 1;
            }
        }
        assert!(before_end > 0, "nothing came before the end: {all}");
        let deltas: String = all
            .lines()
            .filter_map(|l| serde_json::from_str::<Value>(l.strip_prefix("data: ")?).ok())
            .filter_map(|c| Some(c["choices"][0]["delta"]["content"].as_str()?.to_owned()))
            .collect();
        assert_eq!(deltas, "The tram climbs slowly.");
        assert!(all.contains("\"finish_reason\":\"stop\"") && all.contains("\"completion_tokens\":3"), "{all}");
        assert!(all.trim_end().ends_with("data: [DONE]"));
        let (status, whole) = answer(chat("a tram", false)).await;
        assert_eq!((status, &whole["usage"]["total_tokens"]), (200, &json!(7)), "{whole}");
        assert_eq!(whole["choices"][0]["message"]["content"], "The tram climbs slowly.");
        // What is wrong is told in the words of the contract.
        let (status, wrong) = answer(v1(&home, &ada, Method::POST, "/chat/completions").json(&json!({"model": "lab/huge", "messages": [{"role": "user", "content": "x"}]}))).await;
        assert_eq!((status, &wrong["error"]["type"]), (422, &json!("invalid_request_error")), "{wrong}");
        assert!(text(&wrong["error"]["message"]).contains("small, large"), "{wrong}");
        let (_, models) = answer(v1(&home, &ada, Method::GET, "/models")).await;
        let ids: Vec<&str> = models["data"].as_array().unwrap().iter().filter_map(|m| m["id"].as_str()).collect();
        assert!(ids.contains(&"lab") && ids.contains(&"lab/large"), "{ids:?}");
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_films_and_rules() {
    let base = engine().await;
    both_with(set_up(&base), |home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let form = |picture: &'static [u8]| {
            let boundary = "oto-form";
            let mut body = Vec::new();
            for (name, value) in [("model", "lab"), ("prompt", "a winter"), ("size", "1024x1024")] {
                body.extend(format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
            }
            body.extend(format!("--{boundary}\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n").bytes());
            body.extend(picture);
            body.extend(format!("\r\n--{boundary}--\r\n").bytes());
            v1(&home, &ada, Method::POST, "/images/edits").header("content-type", format!("multipart/form-data; boundary={boundary}")).body(body)
        };
        let (status, made) = answer(form(PICTURE)).await;
        assert_eq!(status, 200, "{made}");
        assert!(made["data"][0]["b64_json"].as_str().is_some_and(|b| b.len() > 100));
        for odd in [&b"<svg onload=alert(1)>"[..], b"just words", b""] {
            let (status, wrong) = answer(form(odd)).await;
            assert!((400..500).contains(&status), "{status} {wrong}");
        }
        let (status, _) = answer(v1(&home, &ada, Method::POST, "/images/edits").json(&json!({"model": "lab", "prompt": "x"}))).await;
        assert_eq!(status, 422, "without a picture");
        // A film is begun, asked for and stopped by whoever began it.
        let film = json!({"model": "local-film", "prompt": "A tram. It climbs.", "seconds": "6", "size": "640x360"});
        let (status, video) = answer(v1(&home, &ada, Method::POST, "/videos").json(&film)).await;
        assert_eq!((status, &video["object"], &video["seconds"]), (200, &json!("video"), &json!("6")), "{video}");
        let place = format!("/videos/{}", text(&video["id"]));
        assert_eq!(answer(v1(&home, &ada, Method::GET, &place)).await.0, 200);
        for path in [place.clone(), format!("{place}/content")] {
            assert_eq!(answer(v1(&home, &bob, Method::GET, &path)).await.0, 404, "{path}");
        }
        let (_, list) = answer(v1(&home, &ada, Method::GET, "/videos")).await;
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
        let (early, said) = answer(v1(&home, &ada, Method::GET, &format!("{place}/content"))).await;
        assert!(early == 409 || early == 200, "{early} {said}");
        let (status, gone) = answer(v1(&home, &ada, Method::DELETE, &place)).await;
        assert_eq!((status, &gone["deleted"]), (200, &json!(true)));
        assert_eq!(answer(v1(&home, &ada, Method::POST, "/videos").json(&json!({"model": "local-film", "prompt": "x", "seconds": "soon"}))).await.0, 422);
        // The rules of the house, asked and applied.
        let ask = |input: Value| v1(&home, &ada, Method::POST, "/moderations").json(&json!({"input": input}));
        let (_, judged) = answer(ask(json!(["a tram", "Contraband!"]))).await;
        assert_eq!((&judged["results"][0]["flagged"], &judged["results"][1]["flagged"]), (&json!(false), &json!(true)));
        let held = home.text(&ada, "Contraband of dreams", json!({})).await;
        assert_eq!((&held["state"], answer(home.call(Method::GET, &format!("/works/{}", text(&held["id"])))).await.0), (&json!("held"), 404));
        let (_, told) = answer(home.by(&ada, Method::GET, "/notifications")).await;
        assert!(text(&told["items"][0]["text"]).contains("rule of this house"), "{told}");
        assert_eq!(home.number("SELECT COUNT(*) FROM report WHERE state = 'open'").await, 1);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_name_that_comes_again_is_made_and_paid_once() {
    let base = engine().await;
    both_with(set_up(&base), |home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let picture = |who, name: &str, prompt: &str| {
            let body = json!({"model": "local-image", "prompt": prompt, "n": 2, "size": "64x64"});
            let call = v1(&home, who, Method::POST, "/images/generations");
            call.header("idempotency-key", name).json(&body)
        };
        let free = async |who| {
            answer(home.by(who, Method::GET, "/wallet")).await.1["available_micro"].clone()
        };
        let (status, first) = answer(picture(&ada, "one", "a tram")).await;
        assert_eq!(status, 200, "{first}");
        let after = free(&ada).await;
        let (status, again) = answer(picture(&ada, "one", "a tram")).await;
        assert_eq!((status, &again["data"]), (200, &first["data"]));
        assert_eq!(free(&ada).await, after, "paid once");
        let jobs = "SELECT COUNT(*) FROM job";
        assert_eq!(home.number(jobs).await, 2);
        assert_eq!(answer(picture(&ada, "one", "a ship")).await.0, 422, "another call");
        // Of another person, or with another name, it is another call.
        assert_eq!(answer(picture(&bob, "one", "a tram")).await.0, 200);
        assert_eq!(answer(picture(&ada, "two", "a tram")).await.0, 200);
        assert_eq!(home.number(jobs).await, 6);
        // Whoever leaves a call that has a name finds its end; one without a name is stopped.
        let words = |name: Option<&str>| {
            let message = json!([{"role": "user", "content": "a tram"}]);
            let body = json!({"model": "lab", "messages": message});
            let call = v1(&home, &ada, Method::POST, "/chat/completions").json(&body);
            let call =
                name.into_iter().fold(call, |call, name| call.header("idempotency-key", name));
            call.timeout(Duration::from_millis(900)).send()
        };
        for (name, end, n) in [(Some("three"), "succeeded", 7), (None, "canceled", 1)] {
            assert!(words(name).await.is_err(), "the caller leaves");
            let ends = format!("SELECT COUNT(*) FROM job WHERE status = '{end}'");
            home.until(end, async || (home.number(&ends).await == n).then_some(())).await;
        }
        // Whatever is refused, and wherever, is said in the words of the contract.
        let call = |method: Method, path: &str| {
            home.client.request(method, format!("{}/v1{path}", home.base))
        };
        let post = |body: Value| v1(&home, &ada, Method::POST, "/images/generations").json(&body);
        for (call, status) in [
            (call(Method::GET, "/models"), 401),
            (call(Method::GET, "/nothing"), 404),
            (call(Method::PATCH, "/models"), 405),
            (v1(&home, &ada, Method::POST, "/chat/completions").body("{"), 415),
            (post(json!({"model": "local-image"})), 422),
            (post(json!({"model": "local-image", "prompt": "  "})), 422),
            (post(json!({"model": "local-image", "prompt": "x", "size": "99999x1"})), 422),
            (post(json!({"model": "local-image", "prompt": "x", "stream": true})), 422),
        ] {
            let (found, said) = answer(call).await;
            assert_eq!(found, status, "{said}");
            assert!(
                said["error"]["message"].is_string() && said["error"]["type"].is_string(),
                "{said}"
            );
        }
        for (setting, value) in [
            ("response_format", json!({"type": "json_object"})),
            ("tool_choice", json!("required")),
            ("n", json!(2)),
        ] {
            let mut body = json!({"model": "lab", "messages": [{"role": "user", "content": "x"}]});
            body[setting] = value;
            let (status, said) =
                answer(v1(&home, &ada, Method::POST, "/chat/completions").json(&body)).await;
            assert!(
                status == 422 && text(&said["error"]["message"]).contains(setting),
                "{status} {said}"
            );
        }
        home.stop().await;
    })
    .await;
}
