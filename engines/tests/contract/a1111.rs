//! Shapes from `stable-diffusion-webui`, modules/api/{api,models}.py.

use oto_engines::*;
use serde_json::json;

use crate::provider::*;

const PNG_64: &str = "iVBORw0KGgoAAAANSUhEUg==";
const OVERVIEW_64: &str = "aGVsbG8=";

fn painted() -> Reply {
    Reply::json(json!({
        "images": [OVERVIEW_64, PNG_64],
        "parameters": {},
        "info": "{\"index_of_first_image\": 1, \"seed\": 5, \"sd_model_name\": \"dreamy\"}",
    }))
}

fn working(task: Option<&str>) -> Reply {
    let state = json!({ "job": "scripts_txt2img", "sampling_step": 5, "sampling_steps": 20 });
    Reply::json(
        json!({ "progress": 0.25, "state": state, "current_image": null, "current_task": task }),
    )
}

/// The server as it should be.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    move |asked, _| match asked.line().as_str() {
        "POST /sdapi/v1/txt2img" | "POST /sdapi/v1/img2img" => painted(),
        "GET /sdapi/v1/progress?skip_current_image=true" => working(None),
        "POST /sdapi/v1/interrupt" => Reply::json(json!({})),
        "GET /sdapi/v1/sd-models" => {
            Reply::json(json!([{ "title": "dreamy.safetensors [1a]", "model_name": "dreamy" }]))
        }
        "GET /sdapi/v1/samplers" => {
            Reply::json(json!([{ "name": "Euler a", "aliases": ["k_euler_a"], "options": {} }]))
        }
        other => panic!("not in the contract: {other}"),
    }
}

/// The same, working for a while on what is asked.
fn slow(task: Option<&'static str>) -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let mut good = good();
    move |asked, origin| match asked.path.as_str() {
        "/sdapi/v1/txt2img" => painted().manner(Manner::Late),
        path if path.starts_with("/sdapi/v1/progress") => working(task),
        _ => good(asked, origin),
    }
}

#[tokio::test]
async fn words_become_a_picture_and_an_overview_is_skipped() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("a1111", "", "");
    let mut asks = request(Kind::Image);
    for (name, value) in [("width", "768"), ("sampler_name", "Euler a"), ("negative_prompt", "7")] {
        asks.params.insert(name.to_owned(), value.to_owned());
    }
    let made = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&made), made.model.as_str()), (PNG.to_vec(), "dreamy"));
    let sent = &fake.heard()[0];
    assert!(sent.header("authorization").starts_with("Basic "));
    let body = sent.json();
    assert_eq!(
        (body["seed"].as_u64(), body["width"].as_u64(), body["steps"].as_u64()),
        (Some(5), Some(768), Some(25))
    );
    assert_eq!(
        (body["sampler_name"].as_str(), body["negative_prompt"].as_str()),
        (Some("Euler a"), Some("7"))
    );
    assert_eq!(body["save_images"], false);
    assert!(body["height"].is_null() && body["override_settings"].is_null());
    assert!(engine.describe().free);
}

#[tokio::test]
async fn a_picture_is_painted_over_in_its_own_shape() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let mut asks = Request { model: "dreamy".to_owned(), ..request(Kind::Image) };
    asks.inputs.push(bench.picture());
    bench.run(fake.engine("a1111", "", "").as_ref(), &asks).await.unwrap();
    let sent = &fake.heard()[0];
    let body = sent.json();
    assert_eq!(
        (sent.path.as_str(), body["denoising_strength"].as_f64()),
        ("/sdapi/v1/img2img", Some(0.6))
    );
    assert!(body["init_images"][0].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert_eq!((body["width"].as_u64(), body["height"].as_u64()), (Some(64), Some(64)));
    assert_eq!(body["override_settings"]["sd_model_checkpoint"], "dreamy");
}

#[tokio::test]
async fn it_tells_how_far_it_is_while_the_call_lasts() {
    let (fake, bench) = (Fake::start(slow(None)), Bench::new());
    bench.run(fake.engine("a1111", "", "").as_ref(), &request(Kind::Image)).await.unwrap();
    assert!(bench.reported.lock().unwrap().iter().any(|(_, said)| said == "step 5 of 20"));
    // Another picture’s progress is not this one’s.
    let (fake, bench) = (Fake::start(slow(Some("task(other)"))), Bench::new());
    bench.run(fake.engine("a1111", "", "").as_ref(), &request(Kind::Image)).await.unwrap();
    assert!(fake.count("GET /sdapi/v1/progress") > 0);
    assert!(!bench.reported.lock().unwrap().iter().any(|(_, said)| said.starts_with("step")));
}

#[tokio::test]
async fn a_stop_is_passed_on_unless_something_else_is_being_made() {
    for (task, stops) in [(None, 1), (Some("task(other)"), 0)] {
        let (fake, bench) = (Fake::start(slow(task)), Bench::new());
        let (engine, asks) = (fake.engine("a1111", "", ""), request(Kind::Image));
        let (outcome, ()) = tokio::join!(engine.submit(&bench.context, &asks), async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            bench.context.cancel.cancel();
        });
        assert_eq!(outcome.unwrap_err().class, ErrorClass::Canceled);
        assert_eq!(fake.count("POST /sdapi/v1/interrupt"), stops);
    }
}

#[tokio::test]
async fn one_picture_is_asked_for_at_a_time() {
    let (fake, bench) = (Fake::start(slow(None)), Bench::new());
    let (engine, asks) = (fake.engine("a1111", "", ""), request(Kind::Image));
    let second = Bench::new();
    let (first, other) = tokio::join!(engine.submit(&bench.context, &asks), async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let stop = second.context.cancel.clone();
        let (outcome, ()) = tokio::join!(engine.submit(&second.context, &asks), async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            stop.cancel();
        });
        outcome
    });
    assert!(first.is_ok());
    // It was stopped while it waited: nothing was sent for it, and nothing of the first stopped.
    assert_eq!(other.unwrap_err().class, ErrorClass::Canceled);
    assert_eq!(fake.heard().iter().filter(|a| a.method == "POST").count(), 1);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let full = json!({ "error": "OutOfMemoryError", "detail": "", "body": "", "errors": "CUDA" });
    let unknown = json!({ "detail": "Sampler not found" });
    for (status, body, code) in [(500, full, "too_much"), (404, unknown, "not_found")] {
        let fake = Fake::start(move |_, _| Reply::json(body.clone()).status(status));
        let engine = fake.engine("a1111", "", "");
        let error = Bench::new().run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
        assert_eq!((error.class, error.code), (ErrorClass::InvalidRequest, code));
    }
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let mut asks = request(Kind::Image);
    asks.params.insert("steps".to_owned(), "many".to_owned());
    assert!(bench.run(fake.engine("a1111", "", "").as_ref(), &asks).await.is_err());
    assert!(bench.run(fake.engine("a1111", "", "").as_ref(), &request(Kind::Voice)).await.is_err());
    assert!(fake.heard().is_empty());
}

#[tokio::test]
async fn a_check_finds_models_and_samplers() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let check = fake.engine("a1111", "", "").check(&bench.context).await;
    assert_eq!(
        (check.state, check.models.as_slice()),
        (CheckState::Ready, &["dreamy".to_owned()][..])
    );
    assert!(check.sentence.contains("Euler a"), "{}", check.sentence);
    let fake = Fake::start(|_, _| Reply::json(json!({ "detail": "Not Found" })).status(404));
    let check = fake.engine("a1111", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::Unreachable);
    assert!(check.sentence.contains("--api"));
    let fake = Fake::start(|_, _| Reply::json(json!([])));
    let check = fake.engine("a1111", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::NoModel);
}
