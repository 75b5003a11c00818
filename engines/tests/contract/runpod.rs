//! Shapes from docs.runpod.io/serverless/endpoints (send-requests, operation-reference,
//! job-states) and the README of `worker-comfyui`.

use oto_engines::*;
use serde_json::{Value, json};

use crate::comfy_v2::WORKFLOW;
use crate::provider::*;
use crate::shapes;

const PNG_TEXT: &str = "iVBORw0KGgoAAAANSUhEUg==";

/// The provider as it should be: in the queue, in progress, completed with a link.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    by_contract(shapes::runpod())
}

/// A provider whose jobs stand so.
fn with(answer: Value) -> Fake {
    Fake::start(move |asked, _| {
        Reply::json(if asked.method == "POST" { json!({ "id": "r1" }) } else { answer.clone() })
    })
}

#[tokio::test]
async fn a_worker_makes_a_picture() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("runpod", "/v2", "ep1");
    let mut asks = request(Kind::Image);
    asks.params.insert("steps".to_owned(), "4".to_owned());
    asks.params.insert("execution_timeout_s".to_owned(), "60".to_owned());
    asks.inputs.push(bench.picture());
    let outcome = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.outputs[0].size_px), (PNG.to_vec(), [64, 48]));
    let sent = &fake.heard()[0];
    assert_eq!(sent.header("authorization"), format!("Bearer {KEY}"));
    let body = sent.json();
    let input = &body["input"];
    assert_eq!((&input["prompt"], &input["steps"]), (&json!("a tram in the rain"), &json!(4)));
    assert_eq!((&input["seed"], &input["execution_timeout_s"]), (&json!(5), &json!(null)));
    assert!(input["image"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert_eq!(body["policy"], json!({ "executionTimeout": 60_000, "ttl": 86_400_000 }));
    let reported: Vec<f32> =
        bench.reported.lock().unwrap().iter().map(|(value, _)| *value).skip(1).collect();
    assert_eq!(reported, [0.42, 0.42]);
    assert_eq!(fake.count("POST /v2/ep1/run"), 1);
}

#[tokio::test]
async fn a_workflow_goes_to_the_comfyui_worker() {
    let output = json!({ "images": [{ "filename": "a.png", "type": "base64", "data": PNG_TEXT }] });
    let (fake, bench) = (with(json!({ "status": "COMPLETED", "output": output })), Bench::new());
    let engine = fake.engine("runpod", "/v2", "ep1");
    let mut asks = request(Kind::Image);
    asks.params.insert("workflow".to_owned(), WORKFLOW.to_owned());
    asks.inputs.push(bench.picture());
    let outcome = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!(Bench::bytes(&outcome), PNG);
    let body = fake.heard()[0].json();
    let (input, image) = (&body["input"], &body["input"]["images"][0]);
    assert_eq!(input["workflow"]["9"]["inputs"]["image"], image["name"]);
    assert_eq!(input["workflow"]["6"]["inputs"]["text"], "a tram in the rain, in ink");
    assert!(image["image"].as_str().unwrap().starts_with("data:image/png;base64,"));
}

#[tokio::test]
async fn a_worker_writes() {
    let output = json!([{ "choices": [{ "tokens": ["a red", " tram"] }] }]);
    let fake = with(json!({ "status": "COMPLETED", "output": output }));
    let engine = fake.engine("runpod", "/v2", "ep1");
    let outcome = Bench::new().run(engine.as_ref(), &request(Kind::Text)).await.unwrap();
    assert_eq!(outcome.text, "a red tram");
}

#[tokio::test]
async fn it_is_checked_and_stopped() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("runpod", "/v2", "ep1");
    assert_eq!(engine.check(&bench.context).await.state, CheckState::Ready);
    let Submitted::Accepted { handle } =
        engine.submit(&bench.context, &request(Kind::Image)).await.unwrap()
    else {
        panic!("it takes a while")
    };
    assert_eq!(engine.cancel(&bench.context, &handle).await.unwrap(), Stopped::Done);
    let nameless = fake.engine("runpod", "/v2", "");
    assert_eq!(nameless.check(&bench.context).await.state, CheckState::NoModel);
    let gone = Fake::start(|_, _| Reply::json(json!({})).status(404));
    let check = gone.engine("runpod", "/v2", "ep1").check(&bench.context).await;
    assert_eq!(check.state, CheckState::NoModel);
    assert!(check.sentence.contains("ep1"));
}

#[tokio::test]
async fn an_endpoint_must_be_named_by_its_id() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    for model in ["", "../other", "a/b", "a?b"] {
        let engine = fake.engine("runpod", "/v2", model);
        let failed = bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
        assert_eq!(failed.class, ErrorClass::InvalidRequest, "{model}");
    }
    assert!(fake.heard().is_empty());
}

#[tokio::test]
async fn ends_are_told_apart() {
    let python = "{\"error_message\": \"out of memory\", \"error_traceback\": \"File x\"}";
    for (answer, class, said) in [
        (
            json!({ "status": "FAILED", "error": python }),
            ErrorClass::InvalidRequest,
            "out of memory",
        ),
        (json!({ "status": "TIMED_OUT" }), ErrorClass::InvalidRequest, "execution_timeout_s"),
        (json!({ "status": "CANCELLED" }), ErrorClass::Canceled, "stopped"),
        (json!({ "status": "COMPLETED" }), ErrorClass::BadResponse, "image"),
        (
            json!({ "status": "COMPLETED", "output": { "errors": ["node 4 failed"], "images": [] } }),
            ErrorClass::InvalidRequest,
            "node 4 failed",
        ),
    ] {
        let fake = with(answer.clone());
        let engine = fake.engine("runpod", "/v2", "ep1");
        let failed = Bench::new().run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
        assert_eq!(failed.class, class, "{answer}");
        assert!(failed.message.contains(said) && !failed.message.contains("File x"), "{answer}");
    }
}

#[tokio::test]
async fn a_fresh_job_may_be_unknown_for_a_minute() {
    let fake = Fake::start(|asked, _| match asked.method.as_str() {
        "POST" => Reply::json(json!({ "id": "r1" })),
        _ => Reply::json(json!({})).status(404),
    });
    let (bench, engine) = (Bench::new(), fake.engine("runpod", "/v2", "ep1"));
    let failed = bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
    assert_eq!((failed.class, fake.count("GET")), (ErrorClass::EngineLostJob, 2));
}

#[tokio::test]
async fn a_late_report_of_progress_does_not_hang_the_job() {
    // As in runpod-python issue 250: ended, and put back to work with its result overwritten.
    let late = |output: Value| {
        with(json!({ "status": "IN_PROGRESS", "executionTime": 4_491, "output": output }))
    };
    let (fake, bench) = (late(json!("step 50/50")), Bench::new());
    let engine = fake.engine("runpod", "/v2", "ep1");
    let failed = bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
    assert_eq!((failed.class, failed.code), (ErrorClass::BadResponse, "overwritten"));
    let fake = late(json!({ "image": format!("data:image/png;base64,{PNG_TEXT}") }));
    let engine = fake.engine("runpod", "/v2", "ep1");
    assert!(bench.run(engine.as_ref(), &request(Kind::Image)).await.is_ok());
}
