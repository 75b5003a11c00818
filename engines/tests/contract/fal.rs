//! Shapes from docs.fal.ai (“Queue”) and `fal-js` (libs/client/src/queue.ts).

use oto_engines::*;
use serde_json::{Value, json};

use crate::provider::*;

/// The provider as it should be: in queue, in progress, completed. The model is `o/m/dev`, and its
/// requests lie below `o/m`.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    serves(
        |origin| json!({ "images": [{ "url": format!("{origin}/files/out.png") }], "prompt": "https://a tram" }),
    )
}

fn serves(result: fn(&str) -> Value) -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let mut looks = 0;
    move |asked, origin| {
        let at = format!("{origin}/o/m/requests/r1");
        match asked.line().as_str() {
            "POST /o/m/dev" => Reply::json(json!({
                "request_id": "r1",
                "status": "IN_QUEUE",
                "queue_position": 3,
                "status_url": format!("{at}/status"),
                "response_url": at,
                "cancel_url": format!("{at}/cancel"),
            })),
            "GET /o/m/requests/r1/status" => {
                looks += 1;
                match looks {
                    1 => Reply::json(json!({ "status": "IN_QUEUE", "queue_position": "2" }))
                        .status(202),
                    2 => Reply::json(json!({ "status": "IN_PROGRESS", "logs": [] })).status(202),
                    3 => Reply::json(json!({ "status": "A_NEW_WORD" })).status(202),
                    _ => Reply::json(json!({ "status": "COMPLETED" })),
                }
            }
            "GET /o/m/requests/r1" => Reply::json(result(origin)),
            "GET /files/out.png" => Reply::bytes("image/png", PNG),
            "GET /files/out.mp4" => Reply::bytes("video/mp4", MP4),
            "GET /files/out.wav" => Reply::bytes("audio/wav", WAV),
            "PUT /o/m/requests/r1/cancel" => {
                Reply::json(json!({ "status": "CANCELLATION_REQUESTED" })).status(202)
            }
            "GET /fal-ai/flux/requests/00000000-0000-0000-0000-000000000000/status" => {
                Reply::json(json!({ "detail": "Request not found" })).status(404)
            }
            other => panic!("not in the contract: {other}"),
        }
    }
}

/// Ends as it says.
fn ends(status: u16, body: Value) -> Fake {
    let mut good = good();
    Fake::start(move |asked, origin| match asked.line().as_str() {
        "GET /o/m/requests/r1/status" => Reply::json(json!({ "status": "COMPLETED" })),
        "GET /o/m/requests/r1" => Reply::json(body.clone()).status(status),
        _ => good(asked, origin),
    })
}

#[tokio::test]
async fn a_request_waits_in_the_queue_and_becomes_a_picture() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("fal", "", "o/m/dev");
    let mut asks = request(Kind::Image);
    asks.params.insert("num_inference_steps".to_owned(), "4".to_owned());
    asks.inputs.push(bench.picture());
    let made = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&made), made.outputs[0].size_px), (PNG.to_vec(), [64, 48]));
    let sent = &fake.heard()[0];
    assert_eq!(sent.header("authorization"), format!("Key {KEY}"));
    let life: Value =
        serde_json::from_str(sent.header("x-fal-object-lifecycle-preference")).unwrap();
    assert_eq!(life["expiration_duration_seconds"], 86_400);
    let body = sent.json();
    assert_eq!(
        (body["prompt"].as_str(), body["seed"].as_u64()),
        (Some("a tram in the rain"), Some(5))
    );
    assert_eq!(body["num_inference_steps"], 4);
    assert!(body["image_url"].as_str().unwrap().starts_with("data:image/png;base64,"));
    assert_eq!((fake.count("POST"), fake.count("GET /o/m/requests/r1/status")), (1, 4));
}

#[tokio::test]
async fn the_place_in_the_queue_is_told() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("fal", "", "o/m/dev");
    let asks = request(Kind::Image);
    let Submitted::Accepted { handle } = engine.submit(&bench.context, &asks).await.unwrap() else {
        panic!("it takes a while")
    };
    let Polled::Pending(pending) = engine.poll(&bench.context, &handle).await.unwrap() else {
        panic!("it waits")
    };
    assert!(pending.message.contains("2 before it"), "{}", pending.message);
    assert_eq!(engine.cancel(&bench.context, &handle).await.unwrap(), Stopped::Requested);
    let late =
        Fake::start(|_, _| Reply::json(json!({ "status": "ALREADY_COMPLETED" })).status(400));
    let handle = handle.replace(&fake.origin, &late.origin);
    let engine = late.engine("fal", "", "o/m/dev");
    assert_eq!(engine.cancel(&bench.context, &handle).await.unwrap(), Stopped::AlreadyFinished);
}

#[tokio::test]
async fn films_voices_and_words_come_in_their_own_shapes() {
    let bench = Bench::new();
    let film = Fake::start(serves(
        |o| json!({ "prompt": "x", "video": { "url": format!("{o}/files/out.mp4") } }),
    ));
    let made =
        bench.run(film.engine("fal", "", "o/m/dev").as_ref(), &request(Kind::Video)).await.unwrap();
    assert_eq!((Bench::bytes(&made), made.outputs[0].duration_ms), (MP4.to_vec(), 2_000));
    let voice =
        Fake::start(serves(|o| json!({ "audio": { "url": format!("{o}/files/out.wav") } })));
    let made = bench
        .run(voice.engine("fal", "", "o/m/dev").as_ref(), &request(Kind::Voice))
        .await
        .unwrap();
    assert_eq!((Bench::bytes(&made), made.outputs[0].duration_ms), (WAV.to_vec(), 1_500));
    let words = Fake::start(serves(|_| json!({ "output": "The tram climbs." })));
    let made =
        bench.run(words.engine("fal", "", "o/m/dev").as_ref(), &request(Kind::Text)).await.unwrap();
    assert_eq!(made.text, "The tram climbs.");
    let inline = Fake::start(serves(
        |_| json!({ "images": [{ "url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==" }] }),
    ));
    let made = bench
        .run(inline.engine("fal", "", "o/m/dev").as_ref(), &request(Kind::Image))
        .await
        .unwrap();
    assert_eq!(Bench::bytes(&made), PNG);
    // A film is no picture.
    let wrong =
        Fake::start(serves(|o| json!({ "video": { "url": format!("{o}/files/out.mp4") } })));
    let error = bench
        .run(wrong.engine("fal", "", "o/m/dev").as_ref(), &request(Kind::Image))
        .await
        .unwrap_err();
    assert_eq!(error.class, ErrorClass::BadResponse);
}

#[tokio::test]
async fn completed_covers_failures_too() {
    let policy =
        json!({ "detail": [{ "loc": ["body"], "msg": "no", "type": "content_policy_violation" }] });
    let wrong =
        json!({ "detail": [{ "loc": ["body"], "msg": "steps too large", "type": "value_error" }] });
    for (status, body, class, said) in [
        (422, policy, ErrorClass::ContentRefused, "no"),
        (422, wrong, ErrorClass::InvalidRequest, "steps too large"),
        (400, json!({ "detail": "bad picture" }), ErrorClass::InvalidRequest, "bad picture"),
        (
            403,
            json!({ "detail": "User is locked. Reason: Exhausted balance." }),
            ErrorClass::NoCredit,
            "balance",
        ),
        (404, json!({ "detail": "gone" }), ErrorClass::Expired, "no longer there"),
        (200, json!({ "images": [] }), ErrorClass::BadResponse, "no sense"),
    ] {
        let fake = ends(status, body);
        let engine = fake.engine("fal", "", "o/m/dev");
        let error = Bench::new().run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
        assert_eq!(error.class, class, "{status} {said}");
        assert!(error.message.contains(said), "{}", error.message);
    }
}

#[tokio::test]
async fn links_that_lead_elsewhere_never_get_the_key() {
    let elsewhere = Fake::start(|_, _| Reply::json(json!({ "status": "COMPLETED" })));
    let other = elsewhere.origin.clone();
    let fake = Fake::start(move |_, _| {
        Reply::json(
            json!({ "request_id": "r1", "status_url": format!("{other}/o/m/requests/r1/status") }),
        )
    });
    let bench = Bench::new();
    let error = bench
        .run(fake.engine("fal", "", "o/m/dev").as_ref(), &request(Kind::Image))
        .await
        .unwrap_err();
    assert_eq!((error.class, error.code), (ErrorClass::BadResponse, "bad_link"));
    for model in [
        format!("{}/o/m", elsewhere.origin),
        "//127.0.0.1/o".to_owned(),
        "../o/m".to_owned(),
        "m".to_owned(),
    ] {
        let asks = Request { model, ..request(Kind::Image) };
        let error = bench.run(fake.engine("fal", "", "o/m/dev").as_ref(), &asks).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::InvalidRequest);
    }
    assert_eq!((elsewhere.heard().len(), fake.heard().len()), (0, 1));
}

#[tokio::test]
async fn a_check_pays_nothing() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let check = fake.engine("fal", "", "").check(&bench.context).await;
    assert_eq!((check.state, fake.heard().len()), (CheckState::Ready, 1));
    let fake = Fake::start(|_, _| Reply::json(json!({ "detail": "Invalid key" })).status(401));
    let check = fake.engine("fal", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::Unauthorised);
}
