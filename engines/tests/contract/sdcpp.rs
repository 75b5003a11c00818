//! Shapes from the published contract of the stable-diffusion.cpp server
//! (`examples/server/api.md` in leejet/stable-diffusion.cpp).

use oto_engines::*;
use serde_json::json;

use crate::provider::*;

const PNG_TEXT: &str = "iVBORw0KGgoAAAANSUhEUg==";
const WEBM_TEXT: &str = "GkXfo59ChoEBQveBAULygQRC84EIQg==";

/// The server as it should be: queued, generating, completed.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let mut looks = 0;
    move |asked, _| match asked.line().as_str() {
        "POST /sdcpp/v1/img_gen" | "POST /sdcpp/v1/vid_gen" => Reply::json(json!({
            "id": "job_1", "status": "queued", "poll_url": "/sdcpp/v1/jobs/job_1",
        }))
        .status(202),
        "GET /sdcpp/v1/jobs/job_1" => {
            looks += 1;
            Reply::json(match looks {
                1 => json!({ "status": "queued", "queue_position": "2" }),
                2 => json!({ "status": "generating", "result": null }),
                _ => json!({ "status": "completed", "result": {
                    // One of pictures, one of a film.
                    "images": [
                        { "index": 1, "b64_json": "no" },
                        { "index": 0, "b64_json": PNG_TEXT },
                    ],
                    "b64_json": WEBM_TEXT, "mime_type": "video/webm", "frame_count": 33,
                } }),
            })
        }
        "POST /sdcpp/v1/jobs/job_1/cancel" => Reply::json(json!({ "status": "cancelled" })),
        "GET /sdcpp/v1/capabilities" => Reply::json(json!({
            "model": { "stem": "wan2.2" }, "supported_modes": ["img_gen", "vid_gen"],
        })),
        other => panic!("not in the contract: {other}"),
    }
}

fn asks(kind: Kind, params: &[(&str, &str)]) -> Request {
    let params = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Request { params: params.collect(), ..request(kind) }
}

#[tokio::test]
async fn a_picture_is_made() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("sdcpp", "/v1", "");
    let mut asks = asks(
        Kind::Image,
        &[
            ("size", "832x480"),
            ("steps", "20"),
            ("cfg_scale", "6.5"),
            ("lora", "a.safetensors:0.8, b"),
        ],
    );
    asks.inputs.push(bench.picture());
    let outcome = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.outputs[0].size_px), (PNG.to_vec(), [64, 48]));
    let body = fake.heard()[0].json();
    assert_eq!(
        (&body["width"], &body["height"], &body["seed"]),
        (&json!(832), &json!(480), &json!(5))
    );
    assert_eq!(
        body["sample_params"],
        json!({ "sample_steps": 20, "guidance": { "txt_cfg": 6.5 } })
    );
    assert_eq!(
        body["lora"],
        json!([{ "path": "a.safetensors", "multiplier": 0.8 }, { "path": "b", "multiplier": 1.0 }])
    );
    assert!(body["init_image"].as_str().unwrap().starts_with("data:image/png;base64,"));
    assert!(body.get("video_frames").is_none() && body.get("negative_prompt").is_none());
}

#[tokio::test]
async fn a_film_is_made_of_4n_plus_1_frames() {
    for (params, frames) in [
        (&[][..], 33),
        (&[("frames", "32")][..], 33),
        (&[("frames", "33")][..], 33),
        (&[("frames", "34")][..], 37),
        (&[("frames", "1")][..], 1),
        (&[("seconds", "5"), ("fps", "24")][..], 121),
    ] {
        let (fake, bench) = (Fake::start(good()), Bench::new());
        let engine = fake.engine("sdcpp", "", "");
        let mut asks = asks(Kind::Video, params);
        asks.inputs.extend([bench.picture(), bench.picture()]);
        let outcome = bench.run(engine.as_ref(), &asks).await.unwrap();
        assert_eq!(outcome.outputs[0].duration_ms, 2_000);
        let sent = &fake.heard()[0];
        assert_eq!(
            (sent.path.as_str(), &sent.json()["video_frames"]),
            ("/sdcpp/v1/vid_gen", &json!(frames))
        );
        assert!(sent.json()["init_image"].is_string() && sent.json()["end_image"].is_string());
    }
}

#[tokio::test]
async fn what_it_cannot_make_is_not_sent() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("sdcpp", "", "");
    let mut tagged = request(Kind::Image);
    tagged.prompt.push_str(" <lora:ink:0.8>");
    for asks in [request(Kind::Text), request(Kind::Voice), tagged] {
        let failed = bench.run(engine.as_ref(), &asks).await.unwrap_err();
        assert_eq!(failed.class, ErrorClass::InvalidRequest);
    }
    assert!(fake.heard().is_empty());
}

#[tokio::test]
async fn a_check_tells_it_from_others_at_the_same_port() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let check = fake.engine("sdcpp", "", "").check(&bench.context).await;
    assert_eq!((check.state, check.models), (CheckState::Ready, vec!["wan2.2".to_owned()]));
    for (reply, state) in [
        (Reply::json(json!({ "error": "Unexpected endpoint" })), CheckState::Unreachable),
        (Reply::json(json!({})).status(404), CheckState::Unreachable),
        (Reply::json(json!({ "supported_modes": [] })), CheckState::NoModel),
    ] {
        let other = Fake::start(move |_, _| reply.clone());
        let check = other.engine("sdcpp", "", "").check(&bench.context).await;
        assert_eq!(check.state, state);
        assert!(check.sentence.contains("LM Studio") == (state == CheckState::Unreachable));
    }
}

#[tokio::test]
async fn only_what_waits_can_be_stopped() {
    for (status, job, stopped) in [
        (200, "cancelled", Stopped::Done),
        (200, "generating", Stopped::Requested),
        (409, "generating", Stopped::NotSupported),
        (409, "completed", Stopped::AlreadyFinished),
        (410, "", Stopped::AlreadyFinished),
    ] {
        let fake = Fake::start(move |asked, _| match asked.line().as_str() {
            "POST /sdcpp/v1/img_gen" => Reply::json(json!({ "id": "job_1" })).status(202),
            "POST /sdcpp/v1/jobs/job_1/cancel" => {
                Reply::json(json!({ "status": job })).status(status)
            }
            _ => Reply::json(json!({ "status": job })),
        });
        let (bench, engine) = (Bench::new(), fake.engine("sdcpp", "", ""));
        let Submitted::Accepted { handle } =
            engine.submit(&bench.context, &request(Kind::Image)).await.unwrap()
        else {
            panic!("it takes a while")
        };
        assert_eq!(
            engine.cancel(&bench.context, &handle).await.unwrap(),
            stopped,
            "{status} {job}"
        );
    }
}

#[tokio::test]
async fn ends_are_told_apart() {
    let none = json!(null);
    for (status, word, result, class) in [
        (200, "failed", none.clone(), ErrorClass::InvalidRequest),
        (200, "cancelled", none.clone(), ErrorClass::Canceled),
        (200, "completed", none.clone(), ErrorClass::BadResponse),
        (200, "completed", json!({ "images": [{ "b64_json": "%%" }] }), ErrorClass::BadResponse),
        (
            200,
            "completed",
            json!({ "images": [{ "b64_json": WEBM_TEXT }] }),
            ErrorClass::BadResponse,
        ),
        (410, "", none.clone(), ErrorClass::Expired),
        (404, "", none.clone(), ErrorClass::EngineLostJob),
    ] {
        let fake = Fake::start(move |asked, _| match asked.method.as_str() {
            "POST" => Reply::json(json!({ "id": "job_1" })).status(202),
            _ => Reply::json(json!({
                "status": word, "result": result, "error": { "message": "returned nothing" },
            }))
            .status(status),
        });
        let engine = fake.engine("sdcpp", "", "");
        let failed = Bench::new().run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
        assert_eq!(failed.class, class, "{status} {word}");
    }
}
