//! Shapes from github.com/shotstack/oas-api-definition (definitions/edit.yaml).

use oto_engines::*;
use serde_json::{Value, json};

use crate::provider::*;

/// The smallest edit that can be rendered.
pub(crate) const EDIT: &str = r#"{"timeline":{"tracks":[{"clips":[{"asset":{"type":"image","src":"https://example.com/a.png"},"start":0,"length":2}]}]},"output":{"format":"mp4","size":{"width":640,"height":360}}}"#;
const RENDER: &str = "d2b46ed6-998a-4d6b-9d91-b8cf0193a655";

/// The provider as it should be: queued, rendering, done.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let mut looks = 0;
    move |asked, origin| {
        let line = asked.line();
        if line == format!("GET /edit/stage/render/{RENDER}?data=false") {
            looks += 1;
            let (status, url) = match looks {
                1 => ("queued", Value::Null),
                2 => ("rendering", Value::Null),
                _ => ("done", json!(format!("{origin}/out.mp4"))),
            };
            let response = json!({ "id": RENDER, "status": status, "url": url, "renderTime": 850 });
            return Reply::json(json!({ "success": true, "message": "OK", "response": response }));
        }
        match line.as_str() {
            "POST /edit/stage/render" => Reply::json(json!({
                "success": true,
                "message": "Created",
                "response": { "id": RENDER, "message": "Render Successfully Queued" },
            }))
            .status(201),
            "GET /out.mp4" => Reply::bytes("video/mp4", MP4),
            "GET /edit/stage/templates" => Reply::json(
                json!({ "success": true, "message": "OK", "response": { "owner": "o", "templates": [] } }),
            ),
            other => panic!("not in the contract: {other}"),
        }
    }
}

fn asks(edit: &str) -> Request {
    let mut asks = request(Kind::Video);
    asks.params.insert("edit".to_owned(), edit.to_owned());
    asks
}

fn lab(fake: &Fake) -> std::sync::Arc<dyn Engine> {
    fake.engine("shotstack", "/edit/stage", "")
}

#[tokio::test]
async fn an_edit_becomes_a_film_and_says_that_it_is_a_trial() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = lab(&fake);
    let outcome = bench.run(engine.as_ref(), &asks(EDIT)).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.outputs[0].duration_ms), (MP4.to_vec(), 2_000));
    assert_eq!(outcome.label, "lab · trial render with watermark");
    let sent = &fake.heard()[0];
    assert_eq!((sent.header("x-api-key"), sent.header("authorization")), (KEY, ""));
    assert_eq!(sent.json(), serde_json::from_str::<Value>(EDIT).unwrap());
    assert_eq!(fake.count("POST"), 1);
    assert_eq!(engine.check(&bench.context).await.state, CheckState::Ready);
}

#[tokio::test]
async fn what_cannot_be_rendered_elsewhere_is_not_sent() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    for (from, to, word) in [
        ("https://example.com/a.png", "file:///home/me/a.png", "public address"),
        ("https://example.com/a.png", "http://example.com/a.png", "public address"),
        ("https://example.com/a.png", "https://192.168.1.2/a.png", "public address"),
        ("https://example.com/a.png", "{{ PICTURE }}", "public address"),
        ("640", "641", "even"),
        ("mp4", "gif", "mp4"),
        (EDIT, "{\"timeline\":{\"tracks\":[]}}", "clips"),
        (EDIT, "nonsense", "no edit"),
        (EDIT, " ", "no edit"),
    ] {
        let error =
            bench.run(lab(&fake).as_ref(), &asks(&EDIT.replace(from, to))).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::InvalidRequest, "{to}");
        assert!(error.message.contains(word), "{to}: {}", error.message);
    }
    assert!(bench.run(lab(&fake).as_ref(), &request(Kind::Image)).await.is_err());
    assert_eq!(fake.heard().len(), 0);
    // Filled in, the same is fine.
    let merge = EDIT.replace("https://example.com/a.png", "{{ PICTURE }}").replacen(
        '{',
        "{\"merge\":[{\"find\":\"PICTURE\",\"replace\":\"https://example.com/b.png\"}],",
        1,
    );
    assert!(bench.run(lab(&fake).as_ref(), &asks(&merge)).await.is_ok());
}

#[tokio::test]
async fn ends_are_told_apart() {
    for (answer, class) in [
        (
            json!({ "response": { "status": "failed", "error": "no such file" } }),
            ErrorClass::InvalidRequest,
        ),
        (json!({ "response": { "status": "done", "url": "" } }), ErrorClass::BadResponse),
        (json!({ "response": {} }), ErrorClass::BadResponse),
        (
            json!({ "response": { "status": "done", "url": "http://169.254.169.254/x" } }),
            ErrorClass::BadResponse,
        ),
    ] {
        let fake = Fake::start(move |asked, _| match asked.method.as_str() {
            "POST" => {
                Reply::json(json!({ "success": true, "response": { "id": "r1" } })).status(201)
            }
            _ => Reply::json(answer.clone()),
        });
        let error = Bench::new().run(lab(&fake).as_ref(), &asks(EDIT)).await.unwrap_err();
        assert_eq!(error.class, class, "{error:?}");
    }
    for refused in [
        json!({ "success": false, "message": "Bad Request", "response": { "error": "clip 1" } }),
        json!({ "success": true, "response": { "id": "../../account" } }),
    ] {
        let fake = Fake::start(move |_, _| Reply::json(refused.clone()));
        assert!(Bench::new().run(lab(&fake).as_ref(), &asks(EDIT)).await.is_err());
        assert_eq!(fake.heard().len(), 1);
    }
}
