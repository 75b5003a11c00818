//! A timeline of oTo at Shotstack. Shapes of the Ingest API from
//! github.com/shotstack/oas-api-definition (paths/upload.yaml, schemas/ingest/responses).

use std::sync::Arc;

use oto_engines::*;
use serde_json::{Value, json};

use crate::provider::*;

/// Asks for one upload only: its captions.
pub(crate) const CAPTIONS_ONLY: &str = r#"{"version":2,"size":[640,360],"fps":{"num":30,"den":1},"seed":1,"style":"minimal","shots":[{"frames":60,"visual":{"card":{"text":"Trams"}}}],"cues":[{"start_ms":0,"end_ms":900,"text":"One tram."}],"captions":"burnt"}"#;

/// Files and renders as they should be. The first file is unknown for a moment; each is queued, then
/// ready.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let (mut edits, mut n, mut looks) = (crate::shotstack::good(), 0, 0);
    move |asked, origin| {
        let line = asked.line();
        let source = |status: &str| {
            let id = asked.path.rsplit('/').next().unwrap();
            let src = format!("https://cdn.example.com/{id}/source");
            let attributes = json!({ "id": id, "owner": "o", "source": src, "status": status });
            Reply::json(json!({ "data": { "type": "source", "id": id, "attributes": attributes } }))
        };
        if line == "POST /ingest/stage/upload" {
            n += 1;
            let (id, url) = (format!("f{n}"), format!("{origin}/store/f{n}?Signature=abc"));
            let attributes = json!({ "id": id, "url": url, "expires": "2023-01-02T02:47:37.260Z" });
            let data = json!({ "type": "upload", "id": id, "attributes": attributes });
            return Reply::json(json!({ "data": data }));
        }
        if line.starts_with("PUT /store/") {
            return Reply::bytes("text/plain", "");
        }
        if line.starts_with("GET /ingest/stage/sources/") {
            looks += 1;
            return match looks {
                1 => Reply::json(json!({})).status(404),
                n if n % 2 == 0 => source("queued"),
                _ => source("ready"),
            };
        }
        if line.starts_with("DELETE /ingest/stage/sources/") {
            return Reply::bytes("text/plain", "").status(204);
        }
        edits(asked, origin)
    }
}

/// As it should be but for requests whose line begins so.
fn but(begin: &'static str, reply: Reply) -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let mut good = good();
    move |asked, origin| {
        if asked.line().starts_with(begin) { reply.clone() } else { good(asked, origin) }
    }
}

fn lab(fake: &Fake) -> Arc<dyn Engine> {
    fake.engine("shotstack", "/edit/stage", "")
}

/// Two pictures, one of them twice, a film, and captions.
fn asks(bench: &Bench) -> Request {
    let mut asks = request(Kind::Video);
    let hash = |letter: &str| letter.repeat(64);
    for (letter, kind, title, bytes) in [
        ("a", Kind::Image, "a tram", PNG),
        ("b", Kind::Image, "a cat", PNG),
        ("c", Kind::Video, "the sea", MP4),
    ] {
        let file = bench.context.folder.join(format!("{letter}.bin"));
        std::fs::write(&file, bytes).unwrap();
        let (title, file) = (title.to_owned(), Some(file));
        asks.inputs.push(Input { kind, title, file, hash: hash(letter), ..Input::default() });
    }
    let still =
        |letter: &str| json!({ "frames": 60, "visual": { "still": { "asset": hash(letter) } } });
    let film = json!({
        "version": 2, "size": [640, 360], "fps": { "num": 30, "den": 1 }, "seed": 1, "style": "cinematic",
        "shots": [still("a"), still("b"), still("a"),
            { "frames": 60, "visual": { "film": { "asset": hash("c"), "in_ms": 1_500 } } }],
        "cues": [{ "start_ms": 0, "end_ms": 900, "text": "One tram." }],
    });
    asks.params.insert("timeline".to_owned(), film.to_string());
    asks
}

async fn begin(engine: &dyn Engine, bench: &Bench, asks: &Request) -> String {
    match engine.submit(&bench.context, asks).await.unwrap() {
        Submitted::Accepted { handle } => handle,
        Submitted::Finished(outcome) => panic!("{outcome:?}"),
    }
}

/// One question; the new handle, none at the end.
async fn ask(
    engine: &dyn Engine,
    bench: &Bench,
    handle: &str,
) -> Result<Option<String>, EngineError> {
    Ok(match engine.poll(&bench.context, handle).await? {
        Polled::Pending(pending) => Some(pending.handle.unwrap_or_else(|| handle.to_owned())),
        Polled::Finished(_) => None,
    })
}

const RENDER: &str = "POST /edit/stage/render";

/// The handle before the order is sent, that order being written down in it.
async fn before_the_order(engine: &dyn Engine, bench: &Bench) -> String {
    let mut handle = begin(engine, bench, &asks(bench)).await;
    loop {
        let kept: Value = serde_json::from_str(&handle).unwrap();
        if kept["order"].as_str().is_some_and(|order| !order.is_empty()) {
            return handle;
        }
        handle = ask(engine, bench, &handle).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_timeline_is_brought_there_and_rendered() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let outcome = bench.run(lab(&fake).as_ref(), &asks(&bench)).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.outputs.len()), (MP4.to_vec(), 1));
    assert_eq!(outcome.label, "lab · trial render with watermark");
    let heard = fake.heard();
    let sent: Vec<&Asked> = heard.iter().filter(|a| a.method == "PUT").collect();
    let bodies: Vec<&[u8]> = sent.iter().map(|a| a.body.as_slice()).collect();
    assert_eq!(bodies[..3], [PNG, PNG, MP4], "each picture once");
    assert!(sent[3].text().starts_with("WEBVTT") && sent.len() == 4);
    for put in &sent {
        assert!(!format!("{put:?}").contains("CANARY"), "{put:?}");
        // The signature covers the type, and a store takes no chunks.
        assert_eq!((put.header("content-type"), put.header("transfer-encoding")), ("", ""));
        assert_eq!(put.header("content-length"), put.body.len().to_string());
        assert!(put.path.ends_with("?Signature=abc"));
    }
    let asked = heard.iter().find(|a| a.line() == "POST /ingest/stage/upload").unwrap();
    assert_eq!(asked.header("x-api-key"), KEY);
    let edit = heard.iter().find(|a| a.line() == RENDER).unwrap().json();
    let clips: Vec<&Value> = edit["timeline"]["tracks"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|track| track["clips"].as_array().unwrap())
        .collect();
    let of = |kind: &str| -> Vec<&Value> {
        clips.iter().map(|c| &c["asset"]).filter(|a| a["type"] == kind).collect()
    };
    let src = |n: u32| format!("https://cdn.example.com/f{n}/source");
    assert_eq!(of("video"), [&json!({ "type": "video", "src": src(3), "trim": 1.5, "volume": 0 })]);
    assert_eq!(of("caption"), [&json!({ "type": "caption", "src": src(4) })]);
    let mut seen: Vec<&str> = of("image").iter().map(|a| a["src"].as_str().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, [src(1), src(1), src(2)]);
    assert!(of("text").is_empty());
    assert_eq!(edit["output"]["size"], json!({ "width": 640, "height": 360 }));
    assert_eq!((fake.count(RENDER), fake.count("DELETE /ingest/stage/sources/f")), (1, 4));
}

#[tokio::test]
async fn what_is_missing_is_told_before_anything_is_sent() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let whole = asks(&bench);
    let mut lacks = whole.clone();
    lacks.inputs.pop();
    let mut broken = whole.clone();
    broken.params.insert("timeline".to_owned(), "{\"version\":1}".to_owned());
    let image = Request { kind: Kind::Image, ..whole };
    for (asks, word) in [(lacks, "joined"), (broken, "timeline"), (image, "images")] {
        let error = bench.run(lab(&fake).as_ref(), &asks).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::InvalidRequest);
        assert!(error.message.contains(word), "{error}");
    }
    assert_eq!(fake.heard().len(), 0);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_ends_it_unpaid_and_captions_are_written_out() {
    let bench = Bench::new();
    for status in ["failed", "deleted"] {
        let told = json!({ "data": { "attributes": { "id": "f2", "status": status, "error": "no codec" } } });
        let fake = Fake::start(but("GET /ingest/stage/sources/f2", Reply::json(told)));
        let error = bench.run(lab(&fake).as_ref(), &asks(&bench)).await.unwrap_err();
        assert_eq!((error.class, error.code), (ErrorClass::InvalidRequest, "source_failed"));
        assert!(error.message.contains("“a cat”") && error.message.contains("no codec"), "{error}");
        assert_eq!((fake.count(RENDER), fake.count("DELETE")), (0, 4));
    }
    let told = json!({ "data": { "attributes": { "id": "f4", "status": "failed" } } });
    let fake = Fake::start(but("GET /ingest/stage/sources/f4", Reply::json(told)));
    bench.run(lab(&fake).as_ref(), &asks(&bench)).await.unwrap();
    let edit = fake.heard().iter().find(|a| a.line() == RENDER).unwrap().text();
    assert!(edit.contains("One tram.") && !edit.contains("\"caption\""), "{edit}");
    let bench = Bench::new();
    let fake = Fake::start(but("GET /ingest/stage/sources/f1", Reply::json(json!({})).status(404)));
    let error = bench.run(lab(&fake).as_ref(), &asks(&bench)).await.unwrap_err();
    assert_eq!(error.code, "source_failed", "lost, and not only new");
}

#[tokio::test]
async fn a_crash_at_any_moment_loses_little_and_is_never_paid_twice() {
    for crash_at in 0..40 {
        let (fake, bench) = (Fake::start(good()), Bench::new());
        let engine = lab(&fake);
        let mut handle = Some(begin(engine.as_ref(), &bench, &asks(&bench)).await);
        for _ in 0..crash_at {
            let Some(kept) = &handle else { break };
            handle = ask(engine.as_ref(), &bench, kept).await.unwrap();
        }
        let Some(kept) = handle else {
            assert!(crash_at > 20, "it was interrupted at each step");
            return;
        };
        // The same question once more by another process: what the first was told is lost.
        let asked = ask(engine.as_ref(), &bench, &kept).await.unwrap();
        let outcome = match asked {
            Some(_) => bench.follow(lab(&fake).as_ref(), kept.clone()).await,
            None => return,
        };
        let order: Value = serde_json::from_str(&kept).unwrap();
        match outcome {
            Ok(_) => assert_eq!(fake.count(RENDER), 1, "{crash_at}"),
            Err(error) => {
                assert_eq!(error.code, "submission_unknown", "{crash_at}: {error:?}");
                assert!(order["order"].as_str().is_some_and(|order| !order.is_empty()));
                assert_eq!((error.class, fake.count(RENDER)), (ErrorClass::UnknownOutcome, 1));
            }
        }
        assert!(fake.count("PUT") <= 5, "{crash_at}: one file at most is sent again");
    }
    panic!("it never ends");
}

#[tokio::test]
async fn an_order_is_sent_again_only_when_it_was_refused() {
    use ErrorClass as E;
    let json = |status: u16| Reply::json(json!({})).status(status);
    for (what, reply, class, again) in [
        ("busy", json(429), E::RateLimited, true),
        ("down", json(503), E::Unavailable, true),
        ("gateway", json(502), E::UnknownOutcome, false),
        ("silent", json(200).manner(Manner::Silent), E::UnknownOutcome, false),
        ("nonsense", json(201), E::BadResponse, false),
        ("bad id", Reply::json(json!({ "response": { "id": "../../x" } })), E::BadResponse, false),
        ("refused", json(400), E::InvalidRequest, false),
        ("no credit", json(402), E::NoCredit, false),
    ] {
        let mut spoilt = Some(reply);
        let mut good = good();
        let fake = Fake::start(move |asked, origin| {
            if asked.line() == RENDER
                && let Some(reply) = spoilt.take()
            {
                return reply;
            }
            good(asked, origin)
        });
        let (bench, engine) = (Bench::new(), lab(&fake));
        let handle = before_the_order(engine.as_ref(), &bench).await;
        assert!(!handle.contains("CANARY"));
        let error = ask(engine.as_ref(), &bench, &handle).await.unwrap_err();
        assert_eq!(error.class, class, "{what}: {error:?}");
        let after = bench.follow(engine.as_ref(), handle).await;
        assert_eq!((after.is_ok(), fake.count(RENDER)), (again, 1 + usize::from(again)), "{what}");
        if let Err(error) = after {
            assert_eq!(error.code, "submission_unknown", "{what}");
        }
    }
}

#[tokio::test]
async fn it_can_be_stopped_before_the_order() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = lab(&fake);
    let handle = before_the_order(engine.as_ref(), &bench).await;
    assert_eq!(engine.cancel(&bench.context, &handle).await, Ok(Stopped::Done));
    assert_eq!((fake.count(RENDER), fake.count("DELETE")), (0, 4));
    assert!(ask(engine.as_ref(), &bench, &handle).await.is_err(), "a stopped order is not sent");
    let handle = before_the_order(engine.as_ref(), &bench).await;
    let rendering = ask(engine.as_ref(), &bench, &handle).await.unwrap().unwrap();
    for handle in [handle, rendering] {
        assert_eq!(engine.cancel(&bench.context, &handle).await, Ok(Stopped::NotSupported));
    }
    assert_eq!(fake.count(RENDER), 1);
}

#[tokio::test]
async fn hostile_answers_about_files_do_no_harm() {
    use ErrorClass as E;
    let bad = |status: u16, body: &str| Reply::bytes("application/json", body).status(status);
    let upload = |id: &str, url: &str| {
        Reply::json(json!({ "data": { "id": id, "attributes": { "id": id, "url": url } } }))
    };
    let ready = |src: Value| {
        Reply::json(json!({ "data": { "attributes": { "status": "ready", "source": src } } }))
    };
    let (ask_for, put, look) = ("POST /ingest", "PUT /store", "GET /ingest");
    let cases = [
        (ask_for, "html", Reply::bytes("text/html", "<html>"), E::BadResponse),
        (ask_for, "truncated", bad(200, "{\"data\":{"), E::BadResponse),
        (ask_for, "endless", bad(200, "").manner(Manner::Endless), E::BadResponse),
        (ask_for, "no address", Reply::json(json!({ "data": { "id": "f1" } })), E::BadResponse),
        (ask_for, "climbs", upload("../../edit/stage", "https://a.org/x"), E::BadResponse),
        (ask_for, "metadata", upload("f1", "http://169.254.169.254/x"), E::BadResponse),
        (ask_for, "loopback", upload("f1", "https://127.0.0.1/x"), E::BadResponse),
        (ask_for, "lan", upload("f1", "https://192.168.1.1/x"), E::BadResponse),
        (ask_for, "plain", upload("f1", "http://example.com/x"), E::BadResponse),
        (ask_for, "file", upload("f1", "file:///etc/passwd"), E::BadResponse),
        (ask_for, "a path", upload("f1", "/store/f1"), E::BadResponse),
        (ask_for, "with a name", upload("f1", "https://me:word@example.com/x"), E::BadResponse),
        (ask_for, "401", bad(401, &format!("{{\"message\":\"who is {KEY}\"}}")), E::Auth),
        (ask_for, "429", bad(429, "{}"), E::RateLimited),
        (ask_for, "502", bad(502, ""), E::Unavailable),
        (ask_for, "silent", bad(200, "").manner(Manner::Silent), E::Network),
        (
            ask_for,
            "302",
            bad(302, "").header("location", "http://169.254.169.254/"),
            E::BadResponse,
        ),
        (put, "403", bad(403, "<Error/>"), E::BadResponse),
        (put, "503", bad(503, ""), E::Unavailable),
        (put, "307", bad(307, "").header("location", "http://169.254.169.254/"), E::BadResponse),
        (put, "silent", bad(200, "").manner(Manner::Silent), E::Network),
        (look, "html", Reply::bytes("text/html", "<html>"), E::BadResponse),
        (look, "empty", bad(200, "{}"), E::BadResponse),
        (look, "endless", bad(200, "").manner(Manner::Endless), E::BadResponse),
        (look, "no source", ready(Value::Null), E::BadResponse),
        (look, "at home", ready(json!("https://192.168.1.1/a.png")), E::BadResponse),
        (look, "plain", ready(json!("http://example.com/a.png")), E::BadResponse),
        (look, "a file", ready(json!("file:///etc/passwd")), E::BadResponse),
        (look, "500", bad(500, ""), E::Unavailable),
    ];
    for (begin, what, reply, class) in cases {
        let (fake, bench) = (Fake::start(but(begin, reply)), Bench::new());
        let error = bench.run(lab(&fake).as_ref(), &asks(&bench)).await.unwrap_err();
        assert_eq!(error.class, class, "{begin} {what}: {error:?}");
        assert!(error.message.len() > 20 && !format!("{error:?}").contains("CANARY"), "{what}");
        assert_eq!(fake.count(RENDER), 0, "{begin} {what}");
        assert_eq!(fake.count(begin), 1, "{begin} {what}: asked once");
        for put in fake.heard().iter().filter(|a| a.method == "PUT") {
            assert!(!format!("{put:?}").contains("CANARY"), "{what}");
        }
    }
}
