//! Shapes from replicate.com/docs/reference/http and the recorded exchanges of `replicate-python`
//! (tests/cassettes).

use oto_engines::*;
use serde_json::json;

use crate::provider::*;
use crate::shapes;

/// The provider as it should be: starting, processing, succeeded.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    by_contract(shapes::replicate())
}

#[tokio::test]
async fn a_prediction_becomes_a_picture() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("replicate", "/v1", "o/m");
    let mut asks = request(Kind::Image);
    asks.params.insert("steps".to_owned(), "4".to_owned());
    asks.inputs.push(bench.picture());
    let outcome = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.outputs[0].size_px), (PNG.to_vec(), [64, 48]));
    let sent = &fake.heard()[0];
    assert_eq!(sent.header("authorization"), format!("Bearer {KEY}"));
    let input = &sent.json()["input"];
    assert_eq!(
        (input["prompt"].as_str(), input["steps"].as_i64()),
        (Some("a tram in the rain"), Some(4))
    );
    assert!(input["image"].as_str().unwrap().starts_with("data:image/png;base64,"));
    assert!(bench.reported.lock().unwrap().iter().any(|(value, _)| *value == 0.42));
    assert_eq!(fake.count("POST /v1/models"), 1);
}

#[tokio::test]
async fn it_is_checked_and_stopped() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("replicate", "/v1", "o/m");
    assert_eq!(engine.check(&bench.context).await.state, CheckState::Ready);
    let refuses = Fake::start(|_, _| shapes::replicate_refusal());
    let check = refuses.engine("replicate", "/v1", "o/m").check(&bench.context).await;
    assert_eq!(check.state, CheckState::Unauthorised);
    let Submitted::Accepted { handle } =
        engine.submit(&bench.context, &request(Kind::Image)).await.unwrap()
    else {
        panic!("it takes a while")
    };
    assert_eq!(engine.cancel(&bench.context, &handle).await.unwrap(), Stopped::Done);
}

#[tokio::test]
async fn ends_are_told_apart() {
    for (status, class) in [
        ("failed", ErrorClass::InvalidRequest),
        ("canceled", ErrorClass::Canceled),
        ("aborted", ErrorClass::Expired),
    ] {
        let fake = Fake::start(move |asked, _| match asked.method.as_str() {
            "POST" => Reply::json(json!({ "id": "p1", "status": "starting" })).status(201),
            _ => Reply::json(json!({ "status": status, "error": "out of memory" })),
        });
        let bench = Bench::new();
        let engine = fake.engine("replicate", "/v1", "o/m:v9");
        let error = bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
        assert_eq!(error.class, class, "{status}");
        assert_eq!(fake.heard()[0].json()["version"], "v9");
    }
}

#[tokio::test]
async fn official_language_models_count_their_tokens() {
    // Shape: replicate.com/docs, "metrics" of a prediction.
    let fake = Fake::start(|asked, origin| {
        let urls = json!({ "get": format!("{origin}/v1/predictions/p1") });
        if asked.method == "POST" {
            return Reply::json(json!({ "id": "p1", "status": "starting", "urls": urls }))
                .status(201);
        }
        Reply::json(json!({ "id": "p1", "status": "succeeded", "output": ["The ", "tram."],
            "metrics": { "predict_time": 0.7, "input_token_count": 12, "output_token_count": 3 } }))
    });
    let bench = Bench::new();
    let engine = fake.engine("replicate", "/v1", "o/m");
    let made = bench.run(engine.as_ref(), &request(Kind::Text)).await.unwrap();
    assert_eq!(made.text, "The tram.");
    assert_eq!(bench.context.meter.usage(), TokenUsage { input: Some(12), output: Some(3) });
}
