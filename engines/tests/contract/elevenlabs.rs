//! Shapes from elevenlabs.io/docs/api-reference (text to speech with timestamps, voices,
//! subscription) and the page about error messages.

use oto_engines::*;
use serde_json::{Value, json};

use crate::provider::*;

pub(crate) const VOICE: &str = "21m00Tcm4TlvDq8ikWAM";
/// [`WAV`] and four bytes of PCM.
const WAV_64: &str = "UklGRiQAAABXQVZFZm10IA==";
const PCM_64: &str = "AQACAA==";

fn spoken(audio: &str, text: &str) -> Reply {
    let letters: Vec<String> = text.chars().map(String::from).collect();
    let starts: Vec<f64> = (0..letters.len()).map(|i| i as f64 / 10.0).collect();
    let ends: Vec<f64> = starts.iter().map(|s| s + 0.1).collect();
    Reply::json(json!({
        "audio_base64": audio,
        "alignment": {
            "characters": letters,
            "character_start_times_seconds": starts,
            "character_end_times_seconds": ends,
        },
        "normalized_alignment": null,
    }))
}

/// The provider as it should be.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    move |asked, _| {
        let path = asked.path.split('?').next().unwrap();
        let text = asked.json()["text"].as_str().unwrap_or_default().to_owned();
        match format!("{} {path}", asked.method).as_str() {
            "POST /v1/text-to-speech/21m00Tcm4TlvDq8ikWAM/with-timestamps" => {
                let audio = if asked.path.contains("=pcm_") { PCM_64 } else { WAV_64 };
                spoken(audio, &text)
            }
            "GET /v2/voices" if asked.path.contains("next_page_token=t2") => Reply::json(json!({
                "voices": [{ "voice_id": VOICE, "name": "Rachel" }],
                "has_more": false,
            })),
            "GET /v2/voices" => Reply::json(json!({
                "voices": [{ "voice_id": VOICE, "name": "Roger - Laid-back" }],
                "has_more": true,
                "next_page_token": "t2",
            })),
            "GET /v1/user/subscription" => Reply::json(
                json!({ "tier": "free", "character_count": 1_500, "character_limit": "10000" }),
            ),
            other => panic!("not in the contract: {other}"),
        }
    }
}

fn asks(params: &[(&str, &str)]) -> Request {
    let mut asks = request(Kind::Voice);
    asks.params.extend(params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
    asks
}

fn refuses(status: u16, body: Value) -> Fake {
    Fake::start(move |_, _| Reply::json(body.clone()).status(status))
}

fn captions(outcome: &Outcome) -> String {
    let output = outcome.outputs.iter().find(|o| o.role == OutputRole::Captions).unwrap();
    let Body::Memory(bytes) = &output.body else { panic!("small files are in memory") };
    String::from_utf8(bytes.clone()).unwrap()
}

#[tokio::test]
async fn words_become_a_voice_with_the_time_of_every_word() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("elevenlabs", "", "");
    let asks = asks(&[("voice", VOICE), ("stability", "0.4"), ("speed", "1.1")]);
    let made = bench.run(engine.as_ref(), &asks).await.unwrap();
    assert_eq!((Bench::bytes(&made), made.outputs[0].duration_ms), (WAV.to_vec(), 1_500));
    assert_eq!(
        (made.text.as_str(), made.model.as_str()),
        ("a tram in the rain", "eleven_multilingual_v2")
    );
    let vtt = captions(&made);
    assert!(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:00.100\na\n"), "{vtt}");
    assert!(vtt.contains("00:00:00.200 --> 00:00:00.600\ntram\n"), "{vtt}");
    let heard = fake.heard();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].path.ends_with("?output_format=mp3_44100_128"));
    assert_eq!((heard[0].header("xi-api-key"), heard[0].header("authorization")), (KEY, ""));
    let body = heard[0].json();
    assert_eq!(
        (body["seed"].as_u64(), &body["voice_settings"]),
        (Some(5), &json!({ "stability": 0.4, "speed": 1.1 }))
    );
    assert!(body["previous_text"].is_null() && body["next_text"].is_null());
}

#[tokio::test]
async fn voices_are_named_or_the_first_is_taken() {
    for (voice, pages) in [("", 1), ("rachel", 2), ("Roger", 2)] {
        let (fake, bench) = (Fake::start(good()), Bench::new());
        let engine = fake.engine("elevenlabs", "", "");
        bench.run(engine.as_ref(), &asks(&[("voice", voice)])).await.unwrap();
        assert_eq!(fake.count("GET /v2/voices"), pages, "{voice}");
    }
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("elevenlabs", "", "");
    let error = bench.run(engine.as_ref(), &asks(&[("voice", "Nobody & co")])).await.unwrap_err();
    assert_eq!((error.class, error.code), (ErrorClass::InvalidRequest, "voice_not_found"));
    assert_eq!(fake.count("POST"), 0);
    assert!(fake.heard()[0].path.contains("search=Nobody+%26+co"));
}

#[tokio::test]
async fn long_texts_are_told_in_parts_that_know_their_neighbours() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("elevenlabs", "", "a-new-model");
    let mut asks = asks(&[("voice", VOICE)]);
    asks.prompt = format!("{}\n{}", "One more. ".repeat(249).trim(), "And the end.");
    asks.prompt.push_str(&" Last.".repeat(10));
    let made = bench.run(engine.as_ref(), &asks).await.unwrap();
    let bodies: Vec<Value> = fake.heard().iter().map(Asked::json).collect();
    assert_eq!(bodies.len(), 2);
    assert!(bodies.iter().all(|b| b["text"].as_str().unwrap().chars().count() <= 2_500));
    let (first, second) = (&bodies[0], &bodies[1]);
    assert!(first["previous_text"].is_null() && second["next_text"].is_null());
    assert!(second["text"].as_str().unwrap().starts_with(first["next_text"].as_str().unwrap()));
    assert!(first["text"].as_str().unwrap().ends_with(second["previous_text"].as_str().unwrap()));
    assert!(fake.heard().iter().all(|a| a.path.ends_with("pcm_44100")));
    // A head of 44 bytes, and four bytes of each part.
    let wav = Bench::bytes(&made);
    assert_eq!((wav.len(), &wav[44..]), (52, &[1, 0, 2, 0, 1, 0, 2, 0][..]));
}

#[tokio::test]
async fn accounts_that_may_not_have_the_best_sound_get_the_next() {
    let mut good = good();
    let fake = Fake::start(move |asked, origin| {
        if asked.path.contains("pcm_44100") {
            let detail = json!({ "status": "output_format_not_allowed", "message": "plan" });
            return Reply::json(json!({ "detail": detail })).status(403);
        }
        good(asked, origin)
    });
    let bench = Bench::new();
    let engine = fake.engine("elevenlabs", "", "a-new-model");
    let asks = Request { prompt: "One. ".repeat(900), ..asks(&[("voice", VOICE)]) };
    let wav = Bench::bytes(&bench.run(engine.as_ref(), &asks).await.unwrap());
    assert_eq!(wav[24..28], 24_000u32.to_le_bytes());
    assert_eq!(
        (fake.count("POST"), fake.heard().iter().filter(|a| a.path.ends_with("pcm_24000")).count()),
        (3, 2)
    );
}

#[tokio::test]
async fn a_stop_in_the_middle_is_never_begun_again_by_itself() {
    let (mut good, mut asked_before) = (good(), false);
    let fake = Fake::start(move |asked, origin| {
        if std::mem::replace(&mut asked_before, true) {
            return Reply::json(json!({})).status(429);
        }
        good(asked, origin)
    });
    let bench = Bench::new();
    let engine = fake.engine("elevenlabs", "", "a-new-model");
    let asks = Request { prompt: "One. ".repeat(900), ..asks(&[("voice", VOICE)]) };
    let error = bench.run(engine.as_ref(), &asks).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::UnknownOutcome);
    assert!(error.message.contains("1 of 2"), "{}", error.message);
}

#[tokio::test]
async fn refusals_are_told_apart_by_their_word() {
    for (status, word, class) in [
        (401, "invalid_api_key", ErrorClass::Auth),
        (401, "quota_exceeded", ErrorClass::NoCredit),
        (400, "voice_not_found", ErrorClass::InvalidRequest),
        (400, "max_character_limit_exceeded", ErrorClass::InvalidRequest),
        (429, "too_many_concurrent_requests", ErrorClass::RateLimited),
        (429, "system_busy", ErrorClass::RateLimited),
        (422, "unheard_of", ErrorClass::InvalidRequest),
    ] {
        let fake = refuses(status, json!({ "detail": { "status": word, "message": "because" } }));
        let engine = fake.engine("elevenlabs", "", "");
        let error =
            Bench::new().run(engine.as_ref(), &asks(&[("voice", VOICE)])).await.unwrap_err();
        assert_eq!(error.class, class, "{word}");
        assert!(error.message.contains("because"), "{}", error.message);
    }
}

#[tokio::test]
async fn what_cannot_be_said_is_not_sent() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let engine = fake.engine("elevenlabs", "", "");
    let long = Request { prompt: "word ".repeat(9_000), ..request(Kind::Voice) };
    let silent =
        Request { prompt: String::new(), inputs: vec![bench.picture()], ..request(Kind::Voice) };
    for asks in [long, silent, asks(&[("speed", "fast")]), request(Kind::Image)] {
        let error = bench.run(engine.as_ref(), &asks).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::InvalidRequest);
    }
    assert!(fake.heard().is_empty());
}

#[tokio::test]
async fn a_check_tells_how_many_characters_are_left() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let check = fake.engine("elevenlabs", "", "").check(&bench.context).await;
    assert_eq!(check.state, CheckState::Ready);
    assert!(check.sentence.contains("8500 of 10000"), "{}", check.sentence);
    let used = json!({ "character_count": 10, "character_limit": 10 });
    let part = json!({ "detail": { "status": "missing_permissions" } });
    let wrong = json!({ "detail": { "status": "invalid_api_key" } });
    for (status, body, state) in [
        (200, used, CheckState::OutOfCredit),
        (401, part, CheckState::Ready),
        (401, wrong, CheckState::Unauthorised),
    ] {
        let fake = refuses(status, body);
        assert_eq!(fake.engine("elevenlabs", "", "").check(&bench.context).await.state, state);
    }
}
