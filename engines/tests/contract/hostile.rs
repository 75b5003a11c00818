//! What every adapter must survive: answers that are wrong, cut, endless or lead elsewhere. Each
//! ends in a class and a sentence, nothing paid is sent twice, and no key is told.

use std::sync::atomic::Ordering;

use oto_engines::*;
use serde_json::{Value, json};

use crate::provider::*;

/// An adapter with a provider that behaves, to be spoilt.
struct Subject {
    adapter: &'static str,
    /// Path of the address.
    path: &'static str,
    model: &'static str,
    kind: Kind,
    /// What must be named so that the first call is the one that makes something.
    params: &'static [(&'static str, &'static str)],
    /// It asks the way first, which costs nothing, and makes everything within one submit; its own
    /// tests spoil the second call.
    asks_the_way: bool,
    good: fn() -> Box<Script>,
}

impl Subject {
    fn asks(&self) -> Request {
        let mut asks = request(self.kind);
        asks.params.extend(self.params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        asks
    }
}

fn subjects() -> Vec<Subject> {
    vec![
        Subject {
            adapter: "openai",
            path: "/v1",
            model: "m",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::openai::good()),
        },
        Subject {
            adapter: "openai",
            path: "/v1",
            model: "m",
            kind: Kind::Video,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::openai::good()),
        },
        Subject {
            adapter: "replicate",
            path: "/v1",
            model: "o/m",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::replicate::good()),
        },
        Subject {
            adapter: "elevenlabs",
            path: "",
            model: "",
            kind: Kind::Voice,
            params: &[("voice", crate::elevenlabs::VOICE)],
            asks_the_way: false,
            good: || Box::new(crate::elevenlabs::good()),
        },
        Subject {
            adapter: "fal",
            path: "",
            model: "o/m/dev",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::fal::good()),
        },
        Subject {
            adapter: "a1111",
            path: "",
            model: "",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::a1111::good()),
        },
        Subject {
            adapter: "stability",
            path: "",
            model: "core",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::stability::good()),
        },
        Subject {
            adapter: "comfy",
            path: "",
            model: "m.safetensors",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::comfy::good()),
        },
        Subject {
            adapter: "comfy-v2",
            path: "",
            model: "",
            kind: Kind::Image,
            params: &[("workflow", crate::comfy_v2::WORKFLOW)],
            asks_the_way: false,
            good: || Box::new(crate::comfy_v2::good()),
        },
        Subject {
            adapter: "runpod",
            path: "/v2",
            model: "ep1",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::runpod::good()),
        },
        Subject {
            adapter: "oto",
            path: "",
            model: "lab",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::oto::good()),
        },
        Subject {
            adapter: "sdcpp",
            path: "",
            model: "",
            kind: Kind::Image,
            params: &[],
            asks_the_way: false,
            good: || Box::new(crate::sdcpp::good()),
        },
        Subject {
            adapter: "shotstack",
            path: "/edit/stage",
            model: "",
            kind: Kind::Video,
            params: &[("edit", crate::shotstack::EDIT)],
            asks_the_way: false,
            good: || Box::new(crate::shotstack::good()),
        },
        Subject {
            adapter: "shotstack",
            path: "/edit/stage",
            model: "",
            kind: Kind::Video,
            params: &[("timeline", crate::shotstack_timeline::CAPTIONS_ONLY)],
            asks_the_way: true,
            good: || Box::new(crate::shotstack_timeline::good()),
        },
        Subject {
            adapter: "vast",
            path: "",
            model: "wan",
            kind: Kind::Image,
            params: &[("workflow", crate::vast::WORKFLOW)],
            asks_the_way: true,
            good: || Box::new(crate::vast::good()),
        },
    ]
}

fn told(subject: &Subject, what: &str, error: &EngineError) {
    let name = format!("{} {:?} {what}", subject.adapter, subject.kind);
    assert!(error.message.len() > 20, "{name}: {error:?}");
    assert!(!format!("{error:?}{error}").contains("CANARY"), "{name}");
}

fn bad(status: u16, body: &str) -> Reply {
    Reply::bytes("application/json", body).status(status)
}

/// Answers to the first request, and what may come of them.
fn first_answers() -> Vec<(&'static str, Reply, &'static [ErrorClass])> {
    use ErrorClass as E;
    let html = "<!DOCTYPE html><html><body>It works!</body></html>";
    let quota = "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"no money\"}}";
    vec![
        ("401", bad(401, &format!("{{\"detail\":\"who is {KEY}\"}}")), &[E::Auth]),
        ("402", bad(402, ""), &[E::NoCredit]),
        ("403", bad(403, "{}"), &[E::Auth, E::ContentRefused]),
        ("404", bad(404, "not here"), &[E::InvalidRequest]),
        ("409", bad(409, "{}"), &[E::InvalidRequest]),
        ("413", bad(413, ""), &[E::InvalidRequest]),
        ("422", bad(422, "{\"detail\":[{\"msg\":\"wrong\"}]}"), &[E::InvalidRequest]),
        ("429", bad(429, "{}").header("retry-after", "3"), &[E::RateLimited]),
        ("429 quota", bad(429, quota), &[E::NoCredit]),
        ("500", bad(500, html), &[E::Unavailable, E::UnknownOutcome]),
        ("503", bad(503, ""), &[E::Unavailable]),
        ("302", bad(302, "").header("location", "http://169.254.169.254/"), &[E::BadResponse]),
        ("html", Reply::bytes("text/html", html), &[E::BadResponse]),
        ("truncated", bad(200, "{\"id\":\"p1\",\"sta"), &[E::BadResponse]),
        ("empty", bad(200, ""), &[E::BadResponse]),
        ("an array", bad(200, "[]"), &[E::BadResponse]),
        ("cut off", bad(200, "{").manner(Manner::CutOff), &[E::BadResponse, E::UnknownOutcome]),
        ("endless", bad(200, "").manner(Manner::Endless), &[E::BadResponse]),
        ("silent", bad(200, "").manner(Manner::Silent), &[E::UnknownOutcome]),
    ]
}

#[tokio::test]
async fn a_first_answer_that_is_wrong_ends_in_a_class_and_a_sentence() {
    for subject in subjects() {
        for (what, reply, classes) in first_answers() {
            let fake = Fake::start(move |_, _| reply.clone());
            let bench = Bench::new();
            let engine = fake.engine(subject.adapter, subject.path, subject.model);
            let error = bench.run(engine.as_ref(), &subject.asks()).await.expect_err(what);
            told(&subject, what, &error);
            // Who lost the way may ask again.
            let harmless = subject.asks_the_way && error.class == ErrorClass::Network;
            assert!(
                classes.contains(&error.class) || harmless,
                "{} {:?} {what}: {error:?}",
                subject.adapter,
                subject.kind
            );
            // Questions in between are free.
            let sent = fake.heard().iter().filter(|a| a.method != "GET").count();
            assert_eq!(sent, 1, "{} {what}: sent once", subject.adapter);
            if what == "429" {
                assert_eq!(error.retry_after_ms, Some(3_000), "{}", subject.adapter);
            }
        }
    }
}

#[tokio::test]
async fn waits_that_are_absurd_are_bounded() {
    let subject = &subjects()[0];
    for (wait, ms) in [
        ("99999999999", Some(86_400_000)),
        ("-3", None),
        ("never", None),
        ("Tue, 14 Nov 2023 22:14:20 GMT", Some(60_000)),
    ] {
        let fake = Fake::start(move |_, _| bad(429, "{}").header("retry-after", wait));
        let bench = Bench::new();
        let engine = fake.engine(subject.adapter, subject.path, subject.model);
        let error = bench.run(engine.as_ref(), &subject.asks()).await.unwrap_err();
        assert_eq!(error.retry_after_ms, ms, "{wait}");
    }
}

#[tokio::test]
async fn what_the_provider_says_about_asking_again_beats_the_status() {
    use ErrorClass as E;
    let quota = "{\"error\":{\"code\":\"insufficient_quota\"}}";
    for (subject, status, body, says, class) in [
        (0, 409, "{}", "true", E::Unavailable),
        (0, 500, "{}", "false", E::InvalidRequest),
        (0, 429, "{}", "false", E::InvalidRequest),
        (0, 429, "{}", "maybe", E::RateLimited),
        // Words say more than a header, and no header proves that nothing was begun.
        (0, 429, quota, "true", E::NoCredit),
        (1, 500, "{}", "true", E::UnknownOutcome),
        (1, 503, "{}", "false", E::InvalidRequest),
    ] {
        let subject = &subjects()[subject];
        let fake = Fake::start(move |_, _| bad(status, body).header("x-should-retry", says));
        let engine = fake.engine(subject.adapter, subject.path, subject.model);
        let error = Bench::new().run(engine.as_ref(), &subject.asks()).await.unwrap_err();
        told(subject, says, &error);
        assert_eq!((error.class, fake.heard().len()), (class, 1), "{status} {says}");
    }
}

#[tokio::test]
async fn a_handle_is_small_and_a_result_may_be_large() {
    let large = |then: Value| {
        let mut answer = then;
        answer["padding"] = json!("x".repeat(5 << 20));
        answer.to_string()
    };
    // A film's handle, and a picture that comes whole.
    let handle = large(json!({ "id": "v1", "status": "queued" }));
    let picture = large(json!({ "data": [{ "b64_json": "iVBORw0KGgoAAAANSUhEUg==" }] }));
    for (subject, body, is_read) in [(1, handle, false), (0, picture, true)] {
        let subject = &subjects()[subject];
        let fake = Fake::start(move |_, _| bad(200, &body));
        let bench = Bench::new();
        let engine = fake.engine(subject.adapter, subject.path, subject.model);
        let answer = engine.submit(&bench.context, &subject.asks()).await;
        assert_eq!(answer.is_ok(), is_read, "{answer:?}");
        assert!(is_read || answer.unwrap_err().code == "too_large");
    }
}

#[tokio::test]
async fn a_request_without_words_or_key_is_not_sent() {
    for subject in subjects() {
        let (fake, bench) = (Fake::start((subject.good)()), Bench::new());
        let engine = fake.engine(subject.adapter, subject.path, subject.model);
        let asks = Request { prompt: "  ".to_owned(), ..request(subject.kind) };
        let error = bench.run(engine.as_ref(), &asks).await.unwrap_err();
        told(&subject, "nothing asked", &error);
        assert_eq!((error.class, fake.heard().len()), (ErrorClass::InvalidRequest, 0));
        let mut registry = Registry::default();
        let added = Added {
            name: "away".to_owned(),
            adapter: subject.adapter.to_owned(),
            base_url: "https://127.0.0.1:9/v1".to_owned(),
            model: subject.model.to_owned(),
        };
        registry.add(added).unwrap();
        let away = registry.get("away").unwrap();
        let error = bench.run(away.as_ref(), &subject.asks()).await.unwrap_err();
        told(&subject, "nobody there", &error);
        assert_eq!(error.class, ErrorClass::Network, "{}", subject.adapter);
    }
}

#[tokio::test]
async fn later_answers_that_are_wrong_end_in_a_class_and_a_sentence() {
    use ErrorClass as E;
    let html = "<html>";
    let cases: Vec<(&str, Reply, &[ErrorClass])> = vec![
        ("401", bad(401, "{}"), &[E::Auth]),
        ("500", bad(500, ""), &[E::Unavailable]),
        ("502", bad(502, html), &[E::Unavailable]),
        ("429", bad(429, "{}").header("retry-after", "1"), &[E::RateLimited]),
        ("html", Reply::bytes("text/html", html), &[E::BadResponse]),
        ("truncated", bad(200, "{\"status\":\"succ"), &[E::BadResponse]),
        ("cut off", bad(200, "{\"status\":").manner(Manner::CutOff), &[E::Network]),
        // Work that goes on elsewhere is not given up because of one answer.
        ("503 no", bad(503, "").header("x-should-retry", "false"), &[E::Unavailable]),
        ("endless", bad(200, "").manner(Manner::Endless), &[E::BadResponse]),
        ("silent", bad(200, "").manner(Manner::Silent), &[E::Network]),
        ("404 old", bad(404, "{}"), &[E::EngineLostJob, E::Expired]),
    ];
    for subject in subjects().into_iter().filter(|s| !s.asks_the_way) {
        for (what, reply, classes) in &cases {
            let (mut good, spoilt) = ((subject.good)(), reply.clone());
            let mut begun = false;
            let fake = Fake::start(move |asked, origin| {
                if begun {
                    return spoilt.clone();
                }
                begun = asked.method != "GET";
                good(asked, origin)
            });
            let bench = Bench::new();
            let engine = fake.engine(subject.adapter, subject.path, subject.model);
            let asks = subject.asks();
            let handle = match engine.submit(&bench.context, &asks).await {
                Ok(Submitted::Accepted { handle }) => handle,
                Ok(Submitted::Finished(_)) => continue,
                // It makes at once, and could not fetch what it made.
                Err(error) => {
                    told(&subject, what, &error);
                    assert!(!error.class.may_retry(), "{} {what}: paid again", subject.adapter);
                    continue;
                }
            };
            assert!(!handle.contains("CANARY"));
            if *what == "404 old" {
                // A fresh id may be unknown for a moment.
                let fresh = engine.poll(&bench.context, &handle).await;
                assert!(
                    matches!(
                        fresh,
                        Ok(Polled::Pending(_)) | Err(EngineError { class: E::EngineLostJob, .. })
                    ),
                    "{}: {fresh:?}",
                    subject.adapter
                );
            }
            bench.clock.fetch_add(3 * 3_600_000, Ordering::Relaxed);
            let error = bench.follow(engine.as_ref(), handle).await.expect_err(what);
            told(&subject, what, &error);
            assert!(classes.contains(&error.class), "{} {what}: {error:?}", subject.adapter);
        }
    }
}

#[tokio::test]
async fn results_that_are_no_media_are_gone_or_lie_elsewhere_are_refused() {
    use ErrorClass as E;
    let away = |to: &str| bad(302, "").header("location", to);
    let cases: Vec<(&str, Reply, &[ErrorClass])> = vec![
        ("html", Reply::bytes("image/png", "<html>"), &[E::BadResponse]),
        ("no bytes", Reply::bytes("image/png", ""), &[E::BadResponse]),
        ("404", bad(404, ""), &[E::Expired]),
        // What was made is fetched again; what was made in the same call is never paid again.
        (
            "cut off",
            Reply::bytes("image/png", PNG).manner(Manner::CutOff),
            &[E::Network, E::UnknownOutcome],
        ),
        ("metadata", away("http://169.254.169.254/x.png"), &[E::BadResponse]),
        ("loopback", away("https://127.0.0.1/x.png"), &[E::BadResponse]),
        ("file", away("file:///etc/passwd"), &[E::BadResponse]),
    ];
    let mut seen = 0;
    for subject in subjects() {
        for (what, reply, classes) in &cases {
            let (mut good, spoilt) = ((subject.good)(), reply.clone());
            let spoils = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
            let did = std::sync::Arc::clone(&spoils);
            let fake = Fake::start(move |asked, origin| {
                let reply = good(asked, origin);
                let kind = reply.headers.iter().find(|(n, _)| n == "content-type");
                let is_media = kind.is_some_and(|(_, v)| {
                    ["image/", "video/", "audio/"].iter().any(|m| v.starts_with(m))
                });
                if !is_media || asked.method != "GET" {
                    return reply;
                }
                did.store(true, Ordering::Relaxed);
                spoilt.clone()
            });
            let bench = Bench::new();
            let engine = fake.engine(subject.adapter, subject.path, subject.model);
            let outcome = bench.run(engine.as_ref(), &subject.asks()).await;
            if !spoils.load(Ordering::Relaxed) {
                assert!(outcome.is_ok(), "{}: {outcome:?}", subject.adapter);
                continue;
            }
            seen += 1;
            let error = outcome.expect_err(what);
            told(&subject, what, &error);
            assert!(classes.contains(&error.class), "{} {what}: {error:?}", subject.adapter);
        }
    }
    assert!(seen > 0);
}
