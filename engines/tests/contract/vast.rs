//! Shapes from the public guides of Vast (docs.vast.ai: "Serverless", "ComfyUI Wan 2.2").

use oto_engines::*;
use serde_json::json;

use crate::provider::*;

/// A workflow with the words and the seed of the request.
pub(crate) const WORKFLOW: &str = r#"{"3":{"class_type":"KSampler","inputs":{"seed":"{{seed}}","positive":["6",0]}},"6":{"class_type":"CLIPTextEncode","inputs":{"text":"{{prompt}}, at night"}}}"#;

fn done(link: &str) -> Reply {
    Reply::json(json!({
        "id": "j1",
        "status": "completed",
        "message": "Processing complete.",
        "comfyui_response": { "url": "https://example.com/not-this" },
        "output": [
            { "filename": "a_temp.png", "type": "temp", "url": "https://example.com/nor-this.png" },
            { "filename": "a.png", "subfolder": "", "type": "output", "url": link },
        ],
        "timings": {},
    }))
}

fn route(worker: &str) -> Reply {
    Reply::json(
        json!({ "url": worker, "reqnum": 77, "signature": "c2ln", "endpoint": "wan", "cost": 100 }),
    )
}

/// Route server and worker at one address.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    move |asked, origin| match asked.line().as_str() {
        "POST /route/" => route(&format!("{origin}/worker")),
        "POST /worker/generate/sync" => done(&format!("{origin}/out.png")),
        "GET /out.png" => Reply::bytes("image/png", PNG),
        other => panic!("not in the contract: {other}"),
    }
}

fn asks(kind: Kind) -> Request {
    let mut asks = request(kind);
    asks.params.insert("workflow".to_owned(), WORKFLOW.to_owned());
    asks
}

fn lab(fake: &Fake) -> std::sync::Arc<dyn Engine> {
    fake.engine("vast", "", "wan")
}

#[tokio::test]
async fn a_worker_makes_a_picture_and_never_sees_the_key() {
    let worker = Fake::start(good());
    let at = format!("{}/worker", worker.origin);
    let router = Fake::start(move |_, _| route(&at));
    let bench = Bench::new();
    let outcome = bench.run(lab(&router).as_ref(), &asks(Kind::Image)).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.label.as_str()), (PNG.to_vec(), "lab · wan"));
    let asked = router.heard();
    assert_eq!(
        (asked.len(), asked[0].header("authorization")),
        (1, format!("Bearer {KEY}").as_str())
    );
    assert_eq!(asked[0].json(), json!({ "endpoint": "wan", "cost": 100 }));
    let heard = worker.heard();
    assert_eq!(heard.len(), 2);
    for asked in &heard {
        let shown = format!("{:?}{}", asked.headers, asked.text());
        assert!(!shown.contains(KEY) && asked.header("authorization").is_empty());
    }
    let body = heard[0].json();
    assert_eq!(
        (body["auth_data"]["signature"].as_str(), body["auth_data"]["reqnum"].as_i64()),
        (Some("c2ln"), Some(77))
    );
    let input = &body["payload"]["input"];
    assert_eq!(input["request_id"], "0192aabb-0000-7000-8000-000000000001-1");
    assert_eq!(input["workflow_json"]["3"]["inputs"]["seed"], 5);
    assert_eq!(input["workflow_json"]["6"]["inputs"]["text"], "a tram in the rain, at night");
    assert!(input.get("s3").is_none(), "storage keys are never sent");
}

#[tokio::test]
async fn without_a_worker_it_waits() {
    let fake = Fake::start(|_, _| {
        Reply::json(json!({ "endpoint": "wan", "status": "total workers: 1, loading" }))
    });
    let error = Bench::new().run(lab(&fake).as_ref(), &asks(Kind::Image)).await.unwrap_err();
    assert_eq!((error.class, error.retry_after_ms), (ErrorClass::RateLimited, Some(5_000)));
    assert!(error.class.may_retry() && fake.heard().len() == 1);
}

#[tokio::test]
async fn workers_at_other_addresses_are_not_called() {
    for url in [
        "http://93.184.216.34:4000",
        "file:///etc/passwd",
        "nonsense",
        "https://me:word@example.com",
    ] {
        let fake = Fake::start(move |_, _| route(url));
        let error = Bench::new().run(lab(&fake).as_ref(), &asks(Kind::Image)).await.unwrap_err();
        assert_eq!((error.class, fake.heard().len()), (ErrorClass::BadResponse, 1), "{url}");
    }
}

#[tokio::test]
async fn ends_of_the_worker_are_told_apart() {
    use ErrorClass as E;
    let says =
        |status: &str| Reply::json(json!({ "status": status, "message": "words", "output": [] }));
    for (what, reply, class) in [
        ("failed", says("failed"), E::InvalidRequest),
        ("not finished", says("generating"), E::UnknownOutcome),
        ("no bucket", says("completed"), E::InvalidRequest),
        ("unknown word", says("resting"), E::BadResponse),
        ("401", Reply::json(json!({ "error": "signature" })).status(401), E::Unavailable),
        ("429", Reply::json(json!({})).status(429), E::RateLimited),
        ("500", Reply::json(json!({})).status(500), E::Unavailable),
        ("504", Reply::json(json!({})).status(504), E::UnknownOutcome),
        ("silent", Reply::json(json!({})).manner(Manner::Silent), E::UnknownOutcome),
        ("html", Reply::bytes("text/html", "<html>"), E::BadResponse),
        (
            "away",
            Reply::json(json!({})).status(302).header("location", "http://169.254.169.254/"),
            E::BadResponse,
        ),
        ("a local result", done("http://169.254.169.254/a.png"), E::BadResponse),
    ] {
        let fake = Fake::start(move |asked, origin| match asked.line().as_str() {
            "POST /route/" => route(origin),
            _ => reply.clone(),
        });
        let error = Bench::new().run(lab(&fake).as_ref(), &asks(Kind::Image)).await.unwrap_err();
        assert_eq!(error.class, class, "{what}: {error:?}");
        assert!(error.message.len() > 20 && !format!("{error:?}").contains("CANARY"), "{what}");
        assert_eq!(fake.count("POST /generate/sync"), 1, "{what}: sent once");
    }
}

#[tokio::test]
async fn a_workflow_must_be_one() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    for text in ["", "nonsense", "[]", "{}", "{\"nodes\":[]}", "{\"3\":{}}"] {
        let mut asks = asks(Kind::Image);
        asks.params.insert("workflow".to_owned(), text.to_owned());
        let error = bench.run(lab(&fake).as_ref(), &asks).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::InvalidRequest, "{text}");
        assert!(error.message.contains("ComfyUI"), "{text}: {}", error.message);
    }
    let nameless = fake.engine("vast", "", "");
    assert!(
        bench
            .run(nameless.as_ref(), &asks(Kind::Image))
            .await
            .unwrap_err()
            .message
            .contains("endpoint")
    );
    assert_eq!(nameless.check(&bench.context).await.state, CheckState::NoModel);
    assert_eq!(lab(&fake).check(&bench.context).await.state, CheckState::Ready);
    assert!(bench.run(lab(&fake).as_ref(), &request(Kind::Voice)).await.is_err());
    // A film was asked, and a picture came.
    assert_eq!(fake.heard().len(), 0);
    let error = bench.run(lab(&fake).as_ref(), &asks(Kind::Video)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::InvalidRequest);
}

#[tokio::test]
async fn the_mock_needs_no_network_and_no_key() {
    let mut bench = Bench::new();
    bench.context.key = None;
    let mut registry = Registry::default();
    let added = Added {
        name: "play".to_owned(),
        adapter: "vast".to_owned(),
        base_url: "mock:".to_owned(),
        model: "wan".to_owned(),
    };
    registry.add(added).unwrap();
    let engine = registry.get("play").unwrap();
    let about = engine.describe();
    assert_eq!((about.place, about.needs_key, about.free), (Place::Local, false, true));
    assert_eq!(engine.check(&bench.context).await.state, CheckState::Ready);
    let first = bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap();
    assert!(first.label.contains("mock") && first.cost_micro == Some(0), "{}", first.label);
    assert!(Bench::bytes(&first).starts_with(b"\x89PNG"));
    assert_eq!(first, bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap());

    let fake = Fake::start(good());
    for (how, class) in [
        ("busy", Some(ErrorClass::RateLimited)),
        ("failed", Some(ErrorClass::InvalidRequest)),
        ("true", None),
    ] {
        let mut asks = request(Kind::Image);
        asks.params.insert("mock".to_owned(), how.to_owned());
        let outcome = bench.run(lab(&fake).as_ref(), &asks).await;
        assert_eq!(outcome.err().map(|e| e.class), class, "{how}");
    }
    assert_eq!(fake.heard().len(), 0);
}
