//! Films: made in stages at several engines, gone on with after a failure, stopped as a whole.
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use oto_media::worker::Workers;
use serde_json::{Value, json};

use crate::common::{Caller, id, start, start_with};

const PNG: &[u8] = include_bytes!("picture.png");

/// What the fake provider does.
#[derive(Default)]
struct Plan {
    /// Answers of the language model, one after the other; the last one stays.
    scripts: Vec<String>,
    /// Pictures whose prompt holds this word are refused.
    refuses: Option<&'static str>,
    /// Never answers a picture.
    is_mute: bool,
    /// What was asked: the path and the prompt.
    asked: Vec<(&'static str, String)>,
}

type Lab = Arc<Mutex<Plan>>;

async fn chat(State(lab): State<Lab>, Json(body): Json<Value>) -> Response {
    let mut plan = lab.lock().unwrap();
    let content = &body["messages"][0]["content"];
    let prompt = content.as_str().or(content[0]["text"].as_str()).unwrap().to_owned();
    plan.asked.push(("chat", prompt));
    let text =
        if plan.scripts.len() > 1 { plan.scripts.remove(0) } else { plan.scripts[0].clone() };
    if text == "REFUSED" {
        let error = json!({ "error": { "message": "the model is not for you" } });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    Json(json!({ "choices": [{ "message": { "content": text } }] })).into_response()
}

async fn picture(State(lab): State<Lab>, Json(body): Json<Value>) -> Response {
    let prompt = body["prompt"].as_str().unwrap().to_owned();
    let (refused, is_mute) = {
        let mut plan = lab.lock().unwrap();
        plan.asked.push(("picture", prompt.clone()));
        (plan.refuses.is_some_and(|word| prompt.contains(word)), plan.is_mute)
    };
    if is_mute {
        std::future::pending::<()>().await;
    }
    if refused {
        let error = json!({ "error": { "message": "this picture is not allowed here" } });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.encode(PNG);
    Json(json!({ "data": [{ "b64_json": bytes }] })).into_response()
}

/// A second of a tone.
async fn speech(State(lab): State<Lab>, Json(body): Json<Value>) -> Response {
    lab.lock().unwrap().asked.push(("speech", body["input"].as_str().unwrap().to_owned()));
    let samples: Vec<u8> =
        (0..24_000i32).flat_map(|i| (((i % 100) * 200 - 10_000) as i16).to_le_bytes()).collect();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + samples.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(24_000u32.to_le_bytes());
    wav.extend(48_000u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend((samples.len() as u32).to_le_bytes());
    wav.extend(samples);
    ([(header::CONTENT_TYPE, "audio/wav")], wav).into_response()
}

async fn lab(caller: &Caller, plan: Plan) -> Lab {
    let lab = Arc::new(Mutex::new(plan));
    let routes = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/images/generations", post(picture))
        .route("/v1/audio/speech", post(speech))
        .with_state(Arc::clone(&lab));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let config = json!({ "adapter": "openai", "base_url": base, "model": "m" });
    let added = caller.call("PUT", "/engines/lab").json(&config).send().await.unwrap();
    assert!(added.status().is_success());
    lab
}

/// The worker that was built beside this test.
fn worker() -> Workers {
    let deps = std::env::current_exe().unwrap();
    let folder = deps.ancestors().nth(2).map(PathBuf::from).unwrap();
    let program = folder.join(format!("oto-media-worker{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "build the whole workspace first");
    Workers::of_program(program)
}

fn film(params: &Value) -> Value {
    let mut all = json!({ "size": "120", "titles": "no", "music": "none", "seconds": "10" });
    for (key, value) in params.as_object().unwrap() {
        all[key] = value.clone();
    }
    json!({ "kind": "video", "engine": "local-film", "prompt": "Trams of Lisbon", "seed": 5, "params": all })
}

fn at_the_lab() -> Value {
    json!({ "script.engine": "lab", "voice.engine": "lab", "visual.engine": "lab" })
}

const SCRIPT: &str = "Sure!\n```json\n{\"title\": \"Trams\", \"scenes\": [\
    {\"narration\": \"A tram climbs.\", \"visual\": \"a yellow tram on a hill\"},\
    {\"narration\": \"It rests.\", \"visual\": \"a tram at night\"},]}\n```";

fn keys(job: &Value) -> Vec<&str> {
    job["stages"].as_array().unwrap().iter().map(|s| s["key"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_made_of_jobs_at_several_engines() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start_with(folder.path(), worker());
    let lab = lab(&caller, Plan { scripts: vec![SCRIPT.to_owned()], ..Plan::default() }).await;
    caller.submit(&id(1), &film(&at_the_lab())).await;
    let done = caller.until_final(&id(1)).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert_eq!(keys(&done), ["script", "voice-01", "visual-01", "voice-02", "visual-02"]);
    assert_eq!(done["title"], "Trams");
    // Every stage is a job of its own.
    for stage in done["stages"].as_array().unwrap() {
        let job = caller.until_final(stage["id"].as_str().unwrap()).await;
        assert_eq!((job["status"].as_str(), &job["engine"]), (Some("succeeded"), &json!("lab")));
    }
    assert_eq!(done["stages"][1]["from_stages"], json!(["script"]));
    let script = caller.until_final(done["stages"][0]["id"].as_str().unwrap()).await;
    assert!(
        script["text"].as_str().unwrap().starts_with("Title: Trams\n\nScene 1\nNarration: A tram")
    );
    let asked = lab.lock().unwrap().asked.clone();
    assert_eq!(asked.len(), 5);
    let said: BTreeSet<&str> =
        asked.iter().filter(|a| a.0 == "speech").map(|a| a.1.as_str()).collect();
    assert_eq!(said, BTreeSet::from(["A tram climbs.", "It rests."]));
    // The words of the style go with what the scene shows, and what is to be left out.
    assert!(asked.iter().any(|a| a.1.contains("yellow tram") && a.1.contains("cinematic")));
    assert!(asked.iter().any(|a| a.1.contains("watermark")));
    // The film: two scenes of a second with silence around, and its timeline.
    let out = done["outputs"].as_array().unwrap();
    let roles: Vec<&str> = out.iter().map(|o| o["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["main", "captions", "timeline"]);
    let ms = out[0]["duration_ms"].as_u64().unwrap();
    assert!((3_000..4_500).contains(&ms), "{ms}");
    // With the film the parts are taken over: nothing stays at this home.
    for stage in done["stages"].as_array().unwrap() {
        let path = format!("/jobs/{}/release", stage["id"].as_str().unwrap());
        caller.call("POST", &path).json(&()).send().await.unwrap();
    }
    caller.call("POST", &format!("/jobs/{}/release", id(1))).json(&()).send().await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("media")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_script_is_mended_once_and_then_drafted() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start_with(folder.path(), worker());
    let broken = || "{\"oops\": true}".to_owned();
    let params = json!({ "script.engine": "lab" });
    let first =
        lab(&caller, Plan { scripts: vec![broken(), SCRIPT.to_owned()], ..Plan::default() });
    let first = first.await;
    caller.submit(&id(1), &film(&params)).await;
    let done = caller.until_final(&id(1)).await;
    assert_eq!((&done["status"], &done["title"]), (&json!("succeeded"), &json!("Trams")));
    assert_eq!(&keys(&done)[..2], ["script", "script-repair"]);
    assert!(first.lock().unwrap().asked[1].1.contains("oops"), "the repair shows what was wrong");
    let second = lab(&caller, Plan { scripts: vec![broken()], ..Plan::default() }).await;
    caller.submit(&id(2), &film(&params)).await;
    let done = caller.until_final(&id(2)).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert_eq!(&keys(&done)[..3], ["script", "script-repair", "script-draft"]);
    assert_eq!(second.lock().unwrap().asked.len(), 2, "one repair and no more");
    assert!(done["label"].as_str().unwrap().contains("composed from templates"));
    // A script that cannot be had at all is drafted too, and what is no JSON is read as it stands.
    second.lock().unwrap().scripts = vec!["REFUSED".to_owned()];
    let mut other = film(&params);
    other["prompt"] = json!("Ferries");
    caller.submit(&id(3), &other).await;
    let done = caller.until_final(&id(3)).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert_eq!(&keys(&done)[..2], ["script", "script-draft"]);
    let words = "One ferry leaves at nine. It crosses the water. Nobody waits for it.";
    second.lock().unwrap().scripts = vec![words.to_owned()];
    other["prompt"] = json!("Harbours");
    caller.submit(&id(4), &other).await;
    let done = caller.until_final(&id(4)).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert!(done["text"].as_str().unwrap().contains("One ferry leaves at nine."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_stands_in_openly_or_the_film_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start_with(folder.path(), worker());
    let plan = Plan { scripts: vec![SCRIPT.to_owned()], refuses: Some("night"), ..Plan::default() };
    let lab = lab(&caller, plan).await;
    caller.submit(&id(1), &film(&at_the_lab())).await;
    let done = caller.until_final(&id(1)).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    assert!(keys(&done).contains(&"visual-02-draft"));
    assert!(done["label"].as_str().unwrap().contains("drawn by rules"), "{}", done["label"]);
    // Without drafts it fails, says where, and keeps what was paid.
    let mut strict = at_the_lab();
    strict["fallback"] = json!("no");
    strict["style"] = json!("comic");
    caller.submit(&id(2), &film(&strict)).await;
    let failed = caller.until_final(&id(2)).await;
    assert_eq!(failed["status"], "failed");
    let sentence = failed["error"]["message"].as_str().unwrap();
    assert!(sentence.contains("Scene 2") && sentence.contains("not allowed"), "{sentence}");
    for stage in failed["stages"].as_array().unwrap() {
        let path = format!("/jobs/{}/release", stage["id"].as_str().unwrap());
        caller.call("POST", &path).json(&()).send().await.unwrap();
    }
    // The next try asks only for what is missing.
    lab.lock().unwrap().refuses = None;
    let before = lab.lock().unwrap().asked.len();
    caller.submit(&id(3), &film(&strict)).await;
    let done = caller.until_final(&id(3)).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    let asked: Vec<_> = lab.lock().unwrap().asked[before..].to_vec();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].1.contains("night"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_reaches_every_part() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start(folder.path());
    let plan = Plan { scripts: vec![SCRIPT.to_owned()], is_mute: true, ..Plan::default() };
    let lab = lab(&caller, plan).await;
    let params = json!({ "script.engine": "lab", "visual.engine": "lab" });
    caller.submit(&id(1), &film(&params)).await;
    let mut last = (0.0, 0);
    let running = loop {
        let path = format!("/jobs/{}?wait=5&version={}", id(1), last.1);
        let job: Value = caller.call("GET", &path).send().await.unwrap().json().await.unwrap();
        assert!(matches!(job["status"].as_str(), Some("queued" | "running")), "{job}");
        let value = job["progress"]["value"].as_f64().unwrap_or(0.0);
        assert!(value >= last.0, "progress went from {} to {value}", last.0);
        last = (value, job["version"].as_u64().unwrap());
        if lab.lock().unwrap().asked.iter().filter(|a| a.0 == "picture").count() == 2 {
            break job;
        }
    };
    assert_eq!(running["status"], "running");
    let begun = std::time::Instant::now();
    caller.call("POST", &format!("/jobs/{}/cancel", id(1))).json(&()).send().await.unwrap();
    assert_eq!(caller.until_final(&id(1)).await["status"], "canceled");
    for stage in running["stages"].as_array().unwrap() {
        let job = caller.until_final(stage["id"].as_str().unwrap()).await;
        assert!(job["status"] != "running" && job["status"] != "queued");
    }
    eprintln!("stopped after {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_told_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (_home, caller) = start(folder.path());
    for (n, params) in [
        json!({ "style": "baroque" }),
        json!({ "visual.engine": "nobody" }),
        json!({ "timeline": "{\"version\":1}" }),
        json!({ "timeline": "nonsense" }),
        json!({ "seconds": "forever" }),
    ]
    .iter()
    .enumerate()
    {
        let n = 10 + n as u32;
        caller.submit(&id(n), &film(params)).await;
        let job = caller.until_final(&id(n)).await;
        assert_eq!(job["status"], "failed");
        assert!(job["error"]["message"].as_str().unwrap().len() > 20, "{job}");
    }
}
