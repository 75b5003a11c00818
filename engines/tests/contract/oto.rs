//! Shapes of an oTo server's own `/api/v1`.

use oto_engines::*;
use serde_json::json;

use crate::provider::*;

/// BLAKE3 of the picture of these tests.
fn hash() -> String {
    blake3::hash(PNG).to_hex().to_string()
}

/// A server as it should be: queued, running, succeeded.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let (mut looks, mut job) = (0, String::new());
    move |asked, _| {
        let line = asked.line();
        if line.starts_with("HEAD /api/v1/assets/by-hash/") {
            return Reply::json(json!({})).status(404);
        }
        if line == format!("GET /api/v1/jobs/{job}") {
            looks += 1;
            return Reply::json(match looks {
                1 => json!({ "status": "queued" }),
                2 => {
                    json!({ "status": "running", "progress": { "value": 0.5, "message": "painting" } })
                }
                _ => json!({
                    "status": "succeeded", "engine": "lab", "model": "small", "title": "A tram",
                    "draft": true, "label": "Local draft", "outputs": [
                        { "role": "captions", "hash": hash(), "content_type": "text/vtt" },
                        { "role": "main", "hash": hash(), "content_type": "image/png" },
                    ],
                }),
            });
        }
        if line == format!("POST /api/v1/jobs/{job}/cancel") {
            return Reply::json(json!({ "status": "canceled" }));
        }
        if line == format!("GET /api/v1/assets/{}/content", hash()) {
            return Reply::bytes("image/png", PNG);
        }
        match line.as_str() {
            "POST /api/v1/assets" => Reply::json(json!({ "hash": hash() })).status(201),
            "POST /api/v1/jobs" => {
                job = asked.header("idempotency-key").to_owned();
                Reply::json(json!({ "id": job, "status": "queued" })).status(202)
            }
            "GET /api/v1/home" => Reply::json(json!({ "kind": "remote" })),
            "GET /api/v1/engines" => Reply::json(json!([
                { "id": "local-image", "kinds": ["image"], "draft": true },
                { "id": "lab", "kinds": ["text", "image"], "draft": false },
            ])),
            "GET /api/v1/get_tokens" => Reply::json(json!({ "tokens": 12 })),
            other if other.starts_with("GET /api/v1/jobs/") => {
                Reply::json(json!({ "code": "not_found" })).status(404)
            }
            other => panic!("not in the contract: {other}"),
        }
    }
}

#[tokio::test]
async fn a_picture_is_made_from_another_and_a_draft_stays_one() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("oto", "", "");
    let mut asks = request(Kind::Image);
    asks.inputs.push(Input { hash: hash(), ..bench.picture() });
    let outcome = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.outputs[0].size_px), (PNG.to_vec(), [64, 48]));
    assert_eq!(outcome.outputs[1].role, OutputRole::Captions);
    assert!(outcome.draft && outcome.label == "Local draft");
    let heard = fake.heard();
    let sent = heard.iter().find(|a| a.line() == "POST /api/v1/jobs").unwrap().json();
    assert_eq!(
        (&sent["engine"], &sent["kind"]),
        (&json!("lab"), &json!("image")),
        "no draft where there is better"
    );
    assert_eq!(sent["inputs"][0]["hash"], json!(hash()));
    assert!(sent["inputs"][0].get("file").is_none());
}

#[tokio::test]
async fn a_model_names_engine_and_model_of_the_server() {
    for (model, engine, named) in [("lab", "lab", ""), ("lab/large/v2", "lab", "large/v2")] {
        let (fake, bench) = (Fake::start(good()), Bench::new());
        let asks = Request { model: model.to_owned(), ..request(Kind::Image) };
        bench.run(fake.engine("oto", "/api/v1", "").as_ref(), &asks).await.unwrap();
        let sent = fake.heard()[0].json();
        assert_eq!((&sent["engine"], &sent["model"]), (&json!(engine), &json!(named)));
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_by_the_name_that_was_sent() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("oto", "", "lab");
    let absent = engine.lookup(&bench.context, "job-1").await.unwrap();
    assert_eq!(absent, Lookup::Absent);
    let asks = Request { submission_id: "job-1".to_owned(), ..request(Kind::Image) };
    let Submitted::Accepted { handle } = engine.submit(&bench.context, &asks).await.unwrap() else {
        panic!("it goes on there")
    };
    assert_eq!(
        engine.lookup(&bench.context, "job-1").await.unwrap(),
        Lookup::Found(handle.clone())
    );
    assert_eq!(engine.cancel(&bench.context, &handle).await.unwrap(), Stopped::Done);
}

#[tokio::test]
async fn what_it_refuses_is_told_as_what_it_is() {
    for (status, code, class) in [
        (402, "insufficient_tokens", ErrorClass::NoCredit),
        (429, "quota-exceeded", ErrorClass::NoCredit),
        (429, "rate_limited", ErrorClass::RateLimited),
        (423, "account_frozen", ErrorClass::Auth),
        (422, "validation", ErrorClass::InvalidRequest),
        (502, "", ErrorClass::UnknownOutcome),
    ] {
        let fake = Fake::start(move |_, _| {
            Reply::json(json!({ "code": code, "detail": "no" })).status(status)
        });
        let bench = Bench::new();
        let failed =
            fake.engine("oto", "", "lab").submit(&bench.context, &request(Kind::Text)).await;
        assert_eq!(failed.unwrap_err().class, class, "{status} {code}");
    }
}

#[tokio::test]
async fn other_bytes_than_were_made_are_no_result() {
    let mut right = good();
    let fake = Fake::start(move |asked, base| match asked.line() {
        line if line.ends_with("/content") => Reply::bytes("image/png", b"other bytes"),
        _ => right(asked, base),
    });
    let bench = Bench::new();
    let failed = bench.run(fake.engine("oto", "", "lab").as_ref(), &request(Kind::Image)).await;
    assert_eq!(failed.unwrap_err().class, ErrorClass::BadResponse);
}

#[tokio::test]
async fn a_check_knows_a_server_and_what_is_left_there() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let check = fake.engine("oto", "", "").check(&bench.context).await;
    assert_eq!(
        (check.state, check.models),
        (CheckState::Ready, vec!["local-image".to_owned(), "lab".to_owned()])
    );
    assert!(check.sentence.contains("12 tokens"));
    let other = Fake::start(|_, _| Reply::json(json!({ "kind": "embedded" })));
    let check = other.engine("oto", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::Unreachable);
    let keyless = Context { key: None, ..bench.context.clone() };
    assert_eq!(fake.engine("oto", "", "").check(&keyless).await.state, CheckState::NoKey);
}
