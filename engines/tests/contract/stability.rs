//! Shapes from platform.stability.ai/docs/api-reference (“Stable Image”, “User”).

use oto_engines::*;
use serde_json::json;

use crate::provider::*;

/// The provider as it should be.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    move |asked, _| match asked.line().as_str() {
        "POST /v2beta/stable-image/generate/core"
        | "POST /v2beta/stable-image/generate/ultra"
        | "POST /v2beta/stable-image/generate/sd3" => {
            Reply::bytes("image/png", PNG).header("seed", "5").header("finish-reason", "SUCCESS")
        }
        "GET /v1/user/balance" => Reply::json(json!({ "credits": 12.34 })),
        other => panic!("not in the contract: {other}"),
    }
}

fn has(form: &str, name: &str, value: &str) -> bool {
    form.contains(&format!("name=\"{name}\"\r\n\r\n{value}\r\n"))
}

#[tokio::test]
async fn words_become_a_picture_through_a_form() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("stability", "", "");
    let mut asks = request(Kind::Image);
    for (name, value) in
        [("aspect_ratio", "16:9"), ("style_preset", "comic-book"), ("negative_prompt", "5")]
    {
        asks.params.insert(name.to_owned(), value.to_owned());
    }
    let made = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&made), made.model.as_str()), (PNG.to_vec(), "core"));
    let sent = &fake.heard()[0];
    assert_eq!(sent.path, "/v2beta/stable-image/generate/core");
    assert_eq!(sent.header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(sent.header("accept"), "image/*");
    assert!(sent.header("content-type").starts_with("multipart/form-data"));
    let form = sent.text();
    for (name, value) in [
        ("prompt", "a tram in the rain"),
        ("seed", "5"),
        ("aspect_ratio", "16:9"),
        ("style_preset", "comic-book"),
        ("negative_prompt", "5"),
    ] {
        assert!(has(&form, name, value), "{name}: {form}");
    }
    assert!(!form.contains("name=\"image\"") && !form.contains(KEY));
}

#[tokio::test]
async fn pictures_are_painted_over_by_models_that_can() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let mut asks = request(Kind::Image);
    asks.inputs.push(bench.picture());
    asks.params.insert("aspect_ratio".to_owned(), "1:1".to_owned());
    bench.run(fake.engine("stability", "", "sd3.5-medium").as_ref(), &asks).await.unwrap();
    let form = fake.heard()[0].text();
    assert_eq!(fake.heard()[0].path, "/v2beta/stable-image/generate/sd3");
    assert!(has(&form, "model", "sd3.5-medium") && has(&form, "mode", "image-to-image"));
    assert!(
        has(&form, "strength", "0.6") && form.contains("name=\"image\"; filename=\"image.png\"")
    );
    assert!(!form.contains("aspect_ratio"), "it keeps the shape of the source");
    let error = bench.run(fake.engine("stability", "", "core").as_ref(), &asks).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::InvalidRequest);
    asks.params.insert("strength".to_owned(), "7".to_owned());
    assert!(bench.run(fake.engine("stability", "", "ultra").as_ref(), &asks).await.is_err());
    assert!(bench.run(fake.engine("stability", "", "dall-e").as_ref(), &asks).await.is_err());
    assert_eq!(fake.heard().len(), 1);
}

#[tokio::test]
async fn seeds_stay_in_range_and_are_never_any() {
    for (seed, sent) in [(0, "1"), (4_294_967_294, "4294967294"), (4_294_967_295, "1")] {
        let (fake, bench) = (Fake::start(good()), Bench::new());
        let asks = Request { seed, ..request(Kind::Image) };
        bench.run(fake.engine("stability", "", "").as_ref(), &asks).await.unwrap();
        assert!(has(&fake.heard()[0].text(), "seed", sent), "{seed}");
    }
}

#[tokio::test]
async fn refusals_of_the_content_have_two_shapes() {
    let hidden = Reply::bytes("image/png", PNG).header("finish-reason", "CONTENT_FILTERED");
    let flagged = "Your request was flagged by our content moderation system.";
    let refused = json!({ "id": "x", "name": "content_moderation", "errors": [flagged] });
    for reply in [hidden, Reply::json(refused).status(403)] {
        let fake = Fake::start(move |_, _| reply.clone());
        let engine = fake.engine("stability", "", "");
        let error = Bench::new().run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::ContentRefused);
    }
    let broken = json!({ "id": "x", "name": "bad_request", "errors": ["seed: too large"] });
    let fake = Fake::start(move |_, _| Reply::json(broken.clone()).status(400));
    let engine = fake.engine("stability", "", "");
    let error = Bench::new().run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::InvalidRequest);
    assert!(error.message.contains("seed: too large"), "{}", error.message);
}

#[tokio::test]
async fn a_check_tells_the_credits() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let check = fake.engine("stability", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::Ready);
    assert!(check.sentence.contains("12.3 credits"), "{}", check.sentence);
    let fake = Fake::start(|_, _| Reply::json(json!({ "credits": 0 })));
    let check = fake.engine("stability", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::OutOfCredit);
}
