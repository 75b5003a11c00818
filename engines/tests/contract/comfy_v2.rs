//! Shapes from the published description of Comfy API v2 (`openapi-v2.yaml` in Comfy-Org/docs).

use oto_engines::*;
use serde_json::json;

use crate::provider::*;

/// A workflow in the API format.
pub(crate) const WORKFLOW: &str = r#"{
    "3": { "class_type": "KSampler", "inputs": { "seed": "{{seed}}", "model": ["4", 0] } },
    "6": { "class_type": "CLIPTextEncode", "inputs": { "text": "{{prompt}}, in ink" } },
    "9": { "class_type": "LoadImage", "inputs": { "image": "old.png" } }
}"#;

/// The service as it should be: queued, running, succeeded; its links begin at the origin.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let mut looks = 0;
    move |asked, _| {
        let job = |status: &str, more: serde_json::Value| {
            let mut job = json!({
                "id": "j1", "status": status, "outputs": [], "queue_position": null,
                "progress": null, "error": null,
                "urls": {
                    "self": "/deep/api/v2/jobs/j1",
                    "events": "/deep/api/v2/jobs/j1/events",
                    "cancel": "/deep/api/v2/jobs/j1/cancel",
                },
            });
            for (name, value) in more.as_object().unwrap() {
                job[name] = value.clone();
            }
            Reply::json(job)
        };
        match asked.line().as_str() {
            "POST /api/v2/jobs" => job("queued", json!({ "queue_position": 2 })).status(201),
            "GET /deep/api/v2/jobs/j1" => {
                looks += 1;
                let progress = json!({ "value": "0.42", "message": "KSampler 21/50" });
                let output = |id: &str, name: &str, kind: &str, mime: &str| json!({ "id": id, "node_id": "9", "name": name, "type": kind, "content_type": mime });
                match looks {
                    1 => job("queued", json!({ "queue_position": 1 })),
                    2 => job("running", json!({ "progress": progress })),
                    3 => job("dreaming", json!({})),
                    _ => job(
                        "succeeded",
                        json!({ "outputs": [
                        output("a0", "ComfyUI_temp_x_00001_.png", "image", "image/png"),
                        output("a1", "ComfyUI_00001_.png", "image", "image/png"),
                        // Some nodes call their films images.
                        output("a2", "film.mp4", "image", "video/mp4"),
                    ] }),
                    ),
                }
            }
            "GET /api/v2/assets/a1/content" => Reply::bytes("image/png", PNG),
            "GET /api/v2/assets/a2/content" => Reply::bytes("video/mp4", MP4),
            "POST /deep/api/v2/jobs/j1/cancel" => job("canceling", json!({})),
            "POST /api/v2/assets/from-hash" => error(404, "blob_not_found", "no such blob"),
            "POST /api/v2/assets" => {
                Reply::json(json!({ "id": "s1", "created_new": true })).status(201)
            }
            line if line.starts_with("GET /api/v2/jobs/00000000") => {
                error(404, "not_found", "no such job")
            }
            other => panic!("not in the contract: {other}"),
        }
    }
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(json!({ "error": { "code": code, "message": message } })).status(status)
}

fn asks(kind: Kind) -> Request {
    Request { params: [("workflow".to_owned(), WORKFLOW.to_owned())].into(), ..request(kind) }
}

#[tokio::test]
async fn a_workflow_becomes_a_picture() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("comfy-v2", "", "");
    let mut asks = asks(Kind::Image);
    asks.inputs.push(bench.picture());
    let outcome = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.outputs[0].size_px), (PNG.to_vec(), [64, 48]));
    let heard = fake.heard();
    assert!(heard.iter().all(|a| a.header("authorization") == format!("Bearer {KEY}")));
    let hash = heard[0].json()["hash"].as_str().unwrap().to_owned();
    assert!(hash.starts_with("blake3:") && hash.len() == 71, "{hash}");
    let form = heard[1].text();
    for part in ["name=\"file\"; filename=\"oto-", "name=\"expected_hash\"", &hash, "image/png"] {
        assert!(form.contains(part), "{part}");
    }
    let sent = &heard[2];
    assert_eq!(sent.header("idempotency-key"), asks.submission_id);
    let workflow = &sent.json()["workflow"];
    assert_eq!(workflow["3"]["inputs"]["seed"], 5);
    assert_eq!(workflow["6"]["inputs"]["text"], "a tram in the rain, in ink");
    let source = &workflow["9"]["inputs"]["image"];
    assert_eq!((&source["__type"], &source["info"]["id"]), (&json!("core/ASSET"), &json!("s1")));
    let reported = bench.reported.lock().unwrap();
    assert!(reported.iter().any(|(value, words)| *value == 0.42 && words.contains("KSampler")));
    assert_eq!(fake.count("POST /api/v2/jobs"), 1);
}

#[tokio::test]
async fn a_source_that_the_service_has_is_not_sent() {
    let mut rest = good();
    let fake = Fake::start(move |asked, origin| match asked.path.as_str() {
        "/api/v2/assets/from-hash" => Reply::json(json!({ "id": "s7" })),
        _ => rest(asked, origin),
    });
    let bench = Bench::new();
    let mut asks = asks(Kind::Video);
    asks.inputs.push(bench.picture());
    let outcome = bench.run(fake.engine("comfy-v2", "/api/v2", "").as_ref(), &asks).await.unwrap();
    assert_eq!(Bench::bytes(&outcome), MP4);
    assert_eq!(fake.heard().iter().filter(|a| a.path == "/api/v2/assets").count(), 0);
    assert_eq!(fake.heard()[1].json()["workflow"]["9"]["inputs"]["image"]["info"]["id"], "s7");
}

#[tokio::test]
async fn it_is_checked_and_stopped() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("comfy-v2", "", "");
    assert_eq!(engine.check(&bench.context).await.state, CheckState::Ready);
    let Submitted::Accepted { handle } =
        engine.submit(&bench.context, &asks(Kind::Image)).await.unwrap()
    else {
        panic!("it takes a while")
    };
    assert_eq!(engine.cancel(&bench.context, &handle).await.unwrap(), Stopped::Requested);
    let other = Fake::start(|_, _| Reply::bytes("text/html", "nothing here").status(404));
    let check = other.engine("comfy-v2", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::Unreachable);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (status, code, class, part) in [
        (422, "idempotency_key_reuse", ErrorClass::UnknownOutcome, "earlier try"),
        (422, "workflow_format_ui", ErrorClass::InvalidRequest, "Export (API)"),
        (422, "missing_asset", ErrorClass::InvalidRequest, "source"),
        (422, "deployment_stopped", ErrorClass::InvalidRequest, "Start it"),
        (422, "invalid_workflow", ErrorClass::InvalidRequest, "Node 12"),
        (402, "insufficient_credits", ErrorClass::NoCredit, "credit"),
        (429, "queue_full", ErrorClass::RateLimited, "too many"),
        (429, "deployment_not_ready", ErrorClass::RateLimited, "too many"),
    ] {
        let fake = Fake::start(move |_, _| {
            error(status, code, "Node 12 is not connected").header("retry-after", "7")
        });
        let engine = fake.engine("comfy-v2", "", "");
        let failed = Bench::new().run(engine.as_ref(), &asks(Kind::Image)).await.unwrap_err();
        assert_eq!(failed.class, class, "{code}");
        assert!(failed.message.contains(part), "{code}: {}", failed.message);
        assert_eq!(failed.retry_after_ms, Some(7_000));
        assert_eq!(fake.heard().len(), 1, "{code}: sent once");
    }
}

#[tokio::test]
async fn a_request_without_a_workflow_is_not_sent() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("comfy-v2", "", "");
    for workflow in ["", "{\"nodes\": [], \"links\": []}", "{}"] {
        let mut asks = request(Kind::Image);
        asks.params.insert("workflow".to_owned(), workflow.to_owned());
        let failed = bench.run(engine.as_ref(), &asks).await.unwrap_err();
        assert_eq!(failed.class, ErrorClass::InvalidRequest, "{workflow}");
        assert!(failed.message.contains("Export (API)"), "{workflow}");
    }
    assert!(fake.heard().is_empty());
}

#[tokio::test]
async fn ends_are_told_apart() {
    for (status, class) in [
        ("failed", ErrorClass::InvalidRequest),
        ("canceled", ErrorClass::Canceled),
        ("expired", ErrorClass::Expired),
        ("succeeded", ErrorClass::BadResponse),
    ] {
        // Its links lead elsewhere: nobody follows them.
        let fake = Fake::start(move |asked, _| match asked.line().as_str() {
            "POST /api/v2/jobs" => Reply::json(json!({
                "id": "j1", "urls": { "self": "https://elsewhere.example/j1" },
            })),
            "GET /api/v2/jobs/j1" => Reply::json(json!({
                "status": status, "outputs": [], "error": { "message": "out of memory" },
            })),
            other => panic!("{other}"),
        });
        let engine = fake.engine("comfy-v2", "", "");
        let failed = Bench::new().run(engine.as_ref(), &asks(Kind::Image)).await.unwrap_err();
        assert_eq!(failed.class, class, "{status}");
        assert_eq!(failed.message.contains("out of memory"), status == "failed");
    }
}
