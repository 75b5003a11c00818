//! Shapes from the published `openai-openapi` description (openapi.json) and OpenRouter's
//! `openapi.yaml`.

use oto_engines::*;
use serde_json::json;

use crate::provider::*;
use crate::shapes;

/// The provider as it should be.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    by_contract(shapes::openai())
}

fn lab(fake: &Fake) -> std::sync::Arc<dyn Engine> {
    fake.engine("openai", "/v1", "m1")
}

#[tokio::test]
async fn a_streamed_chat_becomes_a_text_and_the_key_goes_in_its_header_only() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let mut asks = request(Kind::Text);
    asks.params.insert("temperature".to_owned(), "0.5".to_owned());
    asks.inputs.push(bench.picture());
    let outcome = bench.run(lab(&fake).as_ref(), &asks).await.unwrap();
    assert_eq!((outcome.text.as_str(), outcome.cost_micro), ("The tram climbs.", Some(1_200)));
    let took = bench.context.meter.usage();
    assert_eq!(took, TokenUsage { input: Some(4), output: Some(5) });
    assert_eq!(bench.reported.lock().unwrap().last().unwrap().1, "3 words");
    let heard = fake.heard();
    assert_eq!((heard.len(), heard[0].line().as_str()), (1, "POST /v1/chat/completions"));
    assert_eq!(heard[0].header("authorization"), format!("Bearer {KEY}"));
    assert!(!heard[0].path.contains(KEY) && !heard[0].text().contains(KEY));
    let body = heard[0].json();
    assert_eq!((body["model"].as_str(), body["stream"].as_bool()), (Some("m1"), Some(true)));
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!(body["temperature"], 0.5);
    let parts = &body["messages"][0]["content"];
    assert_eq!(parts[0]["text"], "a tram in the rain");
    let picture = parts[1]["image_url"]["url"].as_str().unwrap();
    assert!(picture.starts_with("data:image/png;base64,iVBORw0KGgo"));
}

#[tokio::test]
async fn a_chat_without_a_stream_is_read_too() {
    let none = TokenUsage::default();
    for (usage, took) in [
        (json!(null), none),
        (
            json!({ "prompt_tokens": 7, "completion_tokens": "2" }),
            TokenUsage { input: Some(7), output: Some(2) },
        ),
        // What is absurd is not known.
        (json!({ "prompt_tokens": -1, "completion_tokens": 1e300 }), none),
    ] {
        let choices = json!([{ "message": { "content": "At once." } }]);
        let answer = json!({ "choices": choices, "usage": usage });
        let (fake, bench) = (Fake::start(move |_, _| Reply::json(answer.clone())), Bench::new());
        let outcome = bench.run(lab(&fake).as_ref(), &request(Kind::Text)).await.unwrap();
        assert_eq!((outcome.text.as_str(), outcome.cost_micro), ("At once.", None));
        assert_eq!(bench.context.meter.usage(), took);
    }
}

#[tokio::test]
async fn a_text_that_does_not_end_is_refused_streamed_or_whole() {
    let piece = format!(
        "data: {}\n\n",
        json!({ "choices": [{ "delta": { "content": "word ".repeat(2_000) } }] })
    );
    let whole = json!({ "choices": [{ "message": { "content": "word ".repeat(300_000) } }] });
    for reply in [Reply::bytes("text/event-stream", piece.repeat(150)), Reply::json(whole)] {
        let fake = Fake::start(move |_, _| reply.clone());
        let failed = Bench::new().run(lab(&fake).as_ref(), &request(Kind::Text)).await;
        assert_eq!(failed.unwrap_err().code, "too_large");
    }
}

#[tokio::test]
async fn streams_that_break_are_told_apart() {
    let half = "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n";
    let filter = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n";
    let error = "data: {\"error\":{\"message\":\"provider went away\"}}\n\n";
    for (stream, class) in [
        (half, ErrorClass::BadResponse),
        (filter, ErrorClass::ContentRefused),
        (error, ErrorClass::BadResponse),
        ("data: {nonsense\n\n", ErrorClass::BadResponse),
        ("data: [DONE]\n\n", ErrorClass::BadResponse),
    ] {
        let fake = Fake::start(move |_, _| Reply::bytes("text/event-stream", stream));
        let failed = Bench::new().run(lab(&fake).as_ref(), &request(Kind::Text)).await;
        assert_eq!(failed.unwrap_err().class, class, "{stream}");
        assert_eq!(fake.heard().len(), 1);
    }
}

#[tokio::test]
async fn pictures_are_made_and_changed() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let made = bench.run(lab(&fake).as_ref(), &request(Kind::Image)).await.unwrap();
    assert_eq!((Bench::bytes(&made), made.outputs[0].size_px), (PNG.to_vec(), [64, 48]));
    let took = TokenUsage { input: Some(50), output: Some(4_160) };
    assert_eq!(bench.context.meter.usage(), took);
    let mut asks = request(Kind::Image);
    asks.inputs.push(bench.picture());
    bench.run(lab(&fake).as_ref(), &asks).await.unwrap();
    let edit = fake.heard().into_iter().find(|a| a.path == "/v1/images/edits").unwrap();
    assert!(edit.header("content-type").starts_with("multipart/form-data"));
    let form = edit.text();
    for part in
        ["name=\"image\"; filename=\"image-0.png\"", "name=\"prompt\"", "a tram in the rain"]
    {
        assert!(form.contains(part), "{part}");
    }
}

#[tokio::test]
async fn a_picture_in_the_answer_is_decoded_and_must_be_one() {
    let with = |text: &'static str| {
        Fake::start(move |_, _| Reply::json(json!({ "data": [{ "b64_json": text }] })))
    };
    let bench = Bench::new();
    let good = with("iVBORw0KGgoAAAANSUhEUg==");
    assert!(bench.run(lab(&good).as_ref(), &request(Kind::Image)).await.is_ok());
    for text in ["aGVsbG8=", "!!!", ""] {
        let failed = bench.run(lab(&with(text)).as_ref(), &request(Kind::Image)).await;
        assert_eq!(failed.unwrap_err().class, ErrorClass::BadResponse, "{text}");
    }
    let wav = with("UklGRiQAAABXQVZFZm10IA==");
    assert!(bench.run(lab(&wav).as_ref(), &request(Kind::Image)).await.is_err(), "a sound");
}

#[tokio::test]
async fn words_become_a_voice() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let made = bench.run(lab(&fake).as_ref(), &request(Kind::Voice)).await.unwrap();
    assert_eq!((made.outputs[0].duration_ms, made.text.as_str()), (1_500, "a tram in the rain"));
    assert_eq!(fake.heard()[0].json()["voice"], "alloy");
}

#[tokio::test]
async fn a_film_takes_a_while_and_can_be_stopped() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = lab(&fake);
    let made = bench.run(engine.as_ref(), &request(Kind::Video)).await.unwrap();
    assert_eq!((Bench::bytes(&made), made.outputs[0].duration_ms), (MP4.to_vec(), 2_000));
    assert!(bench.reported.lock().unwrap().iter().any(|(value, _)| *value == 0.4));
    let Submitted::Accepted { handle } =
        engine.submit(&bench.context, &request(Kind::Video)).await.unwrap()
    else {
        panic!("it takes a while")
    };
    assert_eq!(engine.cancel(&bench.context, &handle).await.unwrap(), Stopped::Done);
    assert_eq!(fake.count("DELETE /v1/videos/v1"), 1);
}

#[tokio::test]
async fn a_check_reads_and_pays_nothing() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let check = lab(&fake).check(&bench.context).await;
    assert_eq!((check.state, check.models.len()), (CheckState::Ready, 2));
    assert!(fake.heard().iter().all(|a| a.method == "GET"));
    let fake = Fake::start(|_, _| shapes::openai_refusal());
    assert_eq!(lab(&fake).check(&bench.context).await.state, CheckState::Unauthorised);
    for (status, state) in [(402, CheckState::OutOfCredit), (500, CheckState::Unreachable)] {
        let fake = Fake::start(move |_, _| Reply::json(json!({})).status(status));
        assert_eq!(lab(&fake).check(&bench.context).await.state, state);
    }
}

#[tokio::test]
async fn a_stop_closes_the_connection() {
    let fake = Fake::start(|_, _| {
        std::thread::sleep(std::time::Duration::from_secs(5));
        Reply::json(json!({}))
    });
    let (bench, engine) = (Bench::new(), lab(&fake));
    let started = std::time::Instant::now();
    let asks = request(Kind::Text);
    let (outcome, ()) = tokio::join!(engine.submit(&bench.context, &asks), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        bench.context.cancel.cancel();
    });
    assert_eq!(outcome.unwrap_err().class, ErrorClass::Canceled);
    assert!(started.elapsed().as_secs() < 3);
}
