//! Shapes from ComfyUI's public source: server.py (routes), execution.py (queue, history, errors of
//! nodes) and protocol.py.

use oto_engines::*;
use serde_json::{Value, json};

use crate::provider::*;

/// The name that the first try of the usual request has at the server.
pub(crate) const ID: &str = "0192aabb-0000-7000-8000-000000000001";

/// An entry of the history that ended well, with these outputs.
pub(crate) fn ended(outputs: Value) -> Value {
    let status = json!({ "status_str": "success", "completed": true, "messages": [] });
    json!({ ID: { "prompt": [1, ID, {}, { "client_id": ID }, []], "outputs": outputs, "status": status } })
}

/// The queue with our prompt in one of its lists.
fn queue_with(list: &str) -> Value {
    let mut queue = json!({ "queue_running": [], "queue_pending": [] });
    queue[list] = json!([[5, ID, {}, { "client_id": ID }, ["9"]]]);
    queue
}

fn picture(name: &str, folder: &str) -> Value {
    json!([{ "filename": name, "subfolder": "", "type": folder }])
}

/// The server as it should be: waiting, running, ended.
pub(crate) fn good() -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    let mut looks = 0;
    move |asked, _| {
        let path = asked.path.split('?').next().unwrap();
        match (asked.method.as_str(), path) {
            ("POST", "/prompt") => {
                let id = asked.json()["prompt_id"].clone();
                Reply::json(json!({ "prompt_id": id, "number": 5, "node_errors": {} }))
            }
            ("POST", "/upload/image") => {
                Reply::json(json!({ "name": "other (1).png", "subfolder": "oto", "type": "input" }))
            }
            ("GET", "/queue") if looks == 1 => Reply::json(queue_with("queue_pending")),
            ("GET", "/queue") => Reply::json(queue_with("queue_running")),
            // Polling alone must do.
            ("GET", "/ws") => Reply::json(json!({})).status(404),
            ("GET", "/view") => {
                let is_film = asked.path.contains(".mp4");
                let (mime, bytes) = if is_film { ("video/mp4", MP4) } else { ("image/png", PNG) };
                Reply::bytes(mime, bytes)
            }
            ("GET", "/object_info/CheckpointLoaderSimple") => {
                let names = json!([["v1-5.safetensors", "xl.safetensors"], {}]);
                let input = json!({ "required": { "ckpt_name": names } });
                Reply::json(json!({ "CheckpointLoaderSimple": { "input": input } }))
            }
            ("GET", "/system_stats") => {
                Reply::json(json!({ "system": { "comfyui_version": "0.3.60" }, "devices": [] }))
            }
            ("GET", path) if path.starts_with("/history/") => {
                looks += 1;
                Reply::json(if looks < 3 {
                    json!({})
                } else {
                    ended(json!({
                        "8": { "images": picture("shown.png", "temp") },
                        "9": { "images": picture("a & b.png", "output") },
                        "12": { "images": picture("film.mp4", "output"), "animated": [true] },
                    }))
                })
            }
            (method, other) => panic!("not in the contract: {method} {other}"),
        }
    }
}

fn lab(fake: &Fake) -> std::sync::Arc<dyn Engine> {
    fake.engine("comfy", "", "")
}

fn sent(fake: &Fake) -> Value {
    fake.heard().into_iter().find(|a| a.line() == "POST /prompt").unwrap().json()
}

async fn handle(engine: &dyn Engine, bench: &Bench) -> String {
    match engine.submit(&bench.context, &request(Kind::Image)).await.unwrap() {
        Submitted::Accepted { handle } => handle,
        Submitted::Finished(_) => panic!("it takes a while"),
    }
}

/// As it comes out of the export: an image-to-film graph with a negative prompt and a LoRA.
fn workflow() -> Value {
    json!({
        "3": { "class_type": "KSampler", "_meta": { "title": "KSampler" }, "inputs": {
            "seed": 1, "steps": 20, "cfg": 6, "sampler_name": "uni_pc", "scheduler": "simple",
            "denoise": 1, "model": ["40", 0], "positive": ["50", 0], "negative": ["50", 1],
            "latent_image": ["50", 2] } },
        "6": { "class_type": "CLIPTextEncode", "_meta": { "title": "Positive" },
            "inputs": { "text": "a fox", "clip": ["38", 0] } },
        "7": { "class_type": "CLIPTextEncode", "_meta": { "title": "Negative" },
            "inputs": { "text": "blurry", "clip": ["38", 0] } },
        "37": { "class_type": "UNETLoader", "inputs": { "unet_name": "wan.safetensors" } },
        "40": { "class_type": "LoraLoaderModelOnly", "inputs": { "model": ["37", 0], "strength_model": 0.8 } },
        "50": { "class_type": "WanImageToVideo", "inputs": { "width": 832, "height": 480,
            "length": 33, "batch_size": 1, "positive": ["6", 0], "negative": ["7", 0],
            "vae": ["39", 0], "start_image": ["52", 0] } },
        "52": { "class_type": "LoadImage", "inputs": { "image": "example.png" } },
        "57": { "class_type": "CreateVideo", "inputs": { "fps": 16, "images": ["8", 0] } }
    })
}

#[tokio::test]
async fn words_become_a_picture_with_the_first_checkpoint() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let outcome = bench.run(lab(&fake).as_ref(), &request(Kind::Image)).await.unwrap();
    assert_eq!((Bench::bytes(&outcome), outcome.outputs[0].size_px), (PNG.to_vec(), [64, 48]));
    assert_eq!(outcome.model, "v1-5.safetensors");
    let body = sent(&fake);
    assert_eq!((body["prompt_id"].as_str(), body["client_id"].as_str()), (Some(ID), Some(ID)));
    let inputs = |node: &str| body["prompt"][node]["inputs"].clone();
    assert_eq!(
        (&inputs("6")["text"], &inputs("3")["seed"]),
        (&json!("a tram in the rain"), &json!(5))
    );
    assert_eq!(inputs("5")["width"], 512);
    assert_eq!(fake.count("GET /view?filename=a+%26+b.png&subfolder=&type=output"), 1);
    assert_eq!(fake.count("POST /prompt"), 1);
    assert!(fake.heard().iter().all(|a| a.header("origin").is_empty()), "it gets 403");
}

#[tokio::test]
async fn a_workflow_of_the_user_is_filled_and_otherwise_untouched() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let mut asks = request(Kind::Video);
    asks.params.insert("workflow".to_owned(), workflow().to_string());
    asks.params.insert("frames".to_owned(), "49".to_owned());
    asks.inputs.push(bench.picture());
    let outcome = bench.run(lab(&fake).as_ref(), &asks).await.unwrap();
    // It appears under "images".
    assert_eq!((Bench::bytes(&outcome), outcome.outputs[0].duration_ms), (MP4.to_vec(), 2_000));
    assert_eq!(outcome.model, "wan.safetensors");
    let mut wanted = workflow();
    wanted["3"]["inputs"]["seed"] = json!(5);
    wanted["6"]["inputs"]["text"] = json!("a tram in the rain");
    wanted["50"]["inputs"]["length"] = json!(49);
    wanted["52"]["inputs"]["image"] = json!("oto/other (1).png");
    assert_eq!(sent(&fake)["prompt"], wanted);
    let upload = fake.heard().into_iter().find(|a| a.path == "/upload/image").unwrap().text();
    for part in ["name=\"image\"; filename=", "name=\"type\"\r\n\r\ninput", "name=\"subfolder\""] {
        assert!(upload.contains(part), "{part}");
    }
}

#[tokio::test]
async fn marked_nodes_come_first() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let mut marked = workflow();
    marked["60"] = json!({ "class_type": "PrimitiveString", "inputs": { "value": "" },
        "_meta": { "title": "oTo:Positive" } });
    marked["50"]["_meta"] = json!({ "title": "oto:width oto:height" });
    let mut asks = request(Kind::Image);
    for (name, value) in
        [("workflow", marked.to_string().as_str()), ("width", "640"), ("negative", "fog")]
    {
        asks.params.insert(name.to_owned(), value.to_owned());
    }
    bench.run(lab(&fake).as_ref(), &asks).await.unwrap();
    let prompt = &sent(&fake)["prompt"];
    assert_eq!(prompt["60"]["inputs"]["value"], "a tram in the rain");
    assert_eq!(
        (&prompt["6"]["inputs"]["text"], &prompt["7"]["inputs"]["text"]),
        (&json!("a fox"), &json!("fog"))
    );
    assert_eq!(
        (&prompt["50"]["inputs"]["width"], &prompt["50"]["inputs"]["height"]),
        (&json!(640), &json!(480))
    );
}

#[tokio::test]
async fn workflows_that_cannot_be_used_are_not_sent() {
    let (fake, bench) = (Fake::start(good()), Bench::new());
    let editor = json!({ "nodes": [{ "id": 1, "type": "KSampler" }], "links": [], "version": 0.4 });
    let no_words = json!({ "1": { "class_type": "LoadImage", "inputs": { "image": "a.png" } } });
    for (workflow, says) in [
        (editor.to_string(), "Workflow > Export (API)"),
        ("words".to_owned(), "Workflow > Export (API)"),
        (no_words.to_string(), "oto:positive"),
    ] {
        let mut asks = request(Kind::Image);
        asks.params.insert("workflow".to_owned(), workflow);
        let error = bench.run(lab(&fake).as_ref(), &asks).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::InvalidRequest);
        assert!(error.message.contains(says), "{}", error.message);
    }
    let error = bench.run(lab(&fake).as_ref(), &request(Kind::Video)).await.unwrap_err();
    assert!(error.message.contains("needs a workflow"), "{}", error.message);
    assert!(bench.run(lab(&fake).as_ref(), &request(Kind::Text)).await.is_err());
    assert!(fake.heard().is_empty());
}

#[tokio::test]
async fn refused_nodes_are_named() {
    let fake = Fake::start(|_, _| {
        let error = json!({ "type": "value_not_in_list", "message": "Value not in list", "details": "ckpt_name: 'x'" });
        let node = json!({ "errors": [error], "class_type": "CheckpointLoaderSimple" });
        let whole = json!({ "message": "Prompt outputs failed validation" });
        Reply::json(json!({ "error": whole, "node_errors": { "4": node } })).status(400)
    });
    let engine = fake.engine("comfy", "", "x");
    let error = Bench::new().run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
    assert_eq!((error.class, error.code), (ErrorClass::InvalidRequest, "bad_workflow"));
    assert!(error.message.contains("CheckpointLoaderSimple: Value not in list (ckpt_name: 'x')"));
}

#[tokio::test]
async fn what_is_nowhere_three_times_is_lost() {
    let fake = Fake::start(|asked, _| match asked.method.as_str() {
        "POST" => Reply::json(json!({ "prompt_id": ID })),
        _ => Reply::json(json!({})),
    });
    let (bench, engine) = (Bench::new(), fake.engine("comfy", "", "x"));
    let error = bench.run(engine.as_ref(), &request(Kind::Image)).await.unwrap_err();
    assert_eq!((error.class, fake.count("GET /queue")), (ErrorClass::EngineLostJob, 3));
}

#[tokio::test]
async fn only_our_own_prompt_is_stopped() {
    for (list, stopped, told) in [
        ("queue_pending", Stopped::Done, "POST /queue"),
        ("queue_running", Stopped::Requested, "POST /interrupt"),
        ("", Stopped::AlreadyFinished, ""),
    ] {
        let mut deleted = false;
        let fake = Fake::start(move |asked, _| match asked.line().as_str() {
            "POST /prompt" => Reply::json(json!({ "prompt_id": ID })),
            "POST /queue" => {
                deleted = true;
                Reply::bytes("text/plain", "")
            }
            "POST /interrupt" => Reply::bytes("text/plain", ""),
            "GET /queue" if list.is_empty() || deleted => Reply::json(
                json!({ "queue_running": [[1, "another", {}, {}, []]], "queue_pending": [] }),
            ),
            _ => Reply::json(queue_with(list)),
        });
        let (bench, engine) = (Bench::new(), fake.engine("comfy", "", "x"));
        let handle = handle(engine.as_ref(), &bench).await;
        assert_eq!(engine.cancel(&bench.context, &handle).await.unwrap(), stopped, "{list}");
        let posts: Vec<Asked> =
            fake.heard().into_iter().filter(|a| a.method == "POST").skip(1).collect();
        assert_eq!(posts.first().map(Asked::line).unwrap_or_default(), told);
        assert!(posts.len() <= 1 && posts.iter().all(|a| a.text().contains(ID)), "{list}");
    }
}
