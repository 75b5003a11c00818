//! Answers of providers as their contracts and recorded exchanges have them, whole. The tests of the
//! adapters and the example `fake_provider` give the same ones, so that the providers' own clients
//! (bench/judges) judge what the adapters are tested against. Shapes only: no adapter, no test.
//!
//! Sources: the `openai-openapi` description (openapi.json); replicate.com/docs/reference/http and
//! the exchanges recorded in `replicate-python`; docs.runpod.io/serverless/endpoints.

use serde_json::{Value, json};

use crate::wire::{Asked, Reply};

pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
pub(crate) const WAV: &[u8] = b"RIFF\x24\0\0\0WAVEfmt ";
pub(crate) const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0";

/// When all of this happened, in seconds since 1970.
const CREATED: i64 = 1_700_000_000;

fn event(rest: &Value) -> String {
    let mut chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": "m1",
    });
    for (name, value) in rest.as_object().into_iter().flatten() {
        chunk[name] = value.clone();
    }
    format!("data: {chunk}\n\n")
}

fn piece(delta: &Value, finish: &Value) -> String {
    event(&json!({
        "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }],
        "usage": null,
    }))
}

/// A chat as a stream; the cost is OpenRouter's.
pub(crate) fn stream() -> String {
    let usage =
        json!({ "prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9, "cost": 0.0012 });
    [
        piece(&json!({ "role": "assistant", "content": "" }), &json!(null)),
        piece(&json!({ "content": "The tram " }), &json!(null)),
        piece(&json!({ "content": "climbs." }), &json!("stop")),
        event(&json!({ "choices": [], "usage": usage })),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat()
}

/// A chat in one piece.
pub(crate) fn completion(words: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": CREATED, "model": "m1",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": words, "refusal": null },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": { "prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9 },
    })
}

/// A key that OpenAI does not know.
pub(crate) fn openai_refusal() -> Reply {
    Reply::json(json!({ "error": {
        "message": "Incorrect API key provided: oto-C***7f3a.",
        "type": "invalid_request_error", "param": null, "code": "invalid_api_key",
    } }))
    .status(401)
}

fn model(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "lab" })
}

fn video(status: &str, progress: i64) -> Value {
    let done = status == "completed";
    json!({
        "id": "v1", "object": "video", "model": "sora-2", "status": status, "progress": progress,
        "created_at": CREATED, "completed_at": done.then_some(CREATED + 60),
        "expires_at": done.then_some(CREATED + 3_600),
        "size": "1280x720", "seconds": "4", "error": null, "remixed_from_video_id": null,
    })
}

/// OpenAI: a chat, pictures, a voice, and a film that is queued, in progress, completed. Nothing for
/// what is not in the contract.
pub(crate) fn openai() -> impl FnMut(&Asked, &str) -> Option<Reply> + Send + 'static {
    let mut looks = 0;
    move |asked, origin| {
        Some(match asked.line().as_str() {
            "GET /v1/models" => {
                Reply::json(json!({ "object": "list", "data": [model("m1"), model("m2")] }))
            }
            "POST /v1/chat/completions" if asked.json()["stream"] == true => {
                Reply::bytes("text/event-stream", stream())
            }
            "POST /v1/chat/completions" => Reply::json(completion("The tram climbs.")),
            "POST /v1/images/generations" | "POST /v1/images/edits" => Reply::json(
                json!({ "created": CREATED, "data": [{ "url": format!("{origin}/v1/out.png") }],
                    "usage": { "input_tokens": 50, "output_tokens": 4_160, "total_tokens": 4_210,
                        "input_tokens_details": { "text_tokens": 50, "image_tokens": 0 } } }),
            ),
            "GET /v1/out.png" => Reply::bytes("image/png", PNG),
            "POST /v1/audio/speech" => Reply::bytes("audio/wav", WAV),
            "POST /v1/videos" => {
                looks = 0;
                Reply::json(video("queued", 0))
            }
            "GET /v1/videos/v1" => {
                looks += 1;
                Reply::json(match looks {
                    1 => video("queued", 0),
                    2 => video("in_progress", 40),
                    _ => video("completed", 100),
                })
            }
            "GET /v1/videos/v1/content" => Reply::bytes("video/mp4", MP4),
            "DELETE /v1/videos/v1" => {
                Reply::json(json!({ "id": "v1", "object": "video.deleted", "deleted": true }))
            }
            _ => return None,
        })
    }
}

/// A token that Replicate does not know.
pub(crate) fn replicate_refusal() -> Reply {
    Reply::json(json!({
        "title": "Unauthenticated",
        "detail": "You did not pass a valid authentication token",
        "status": 401,
    }))
    .status(401)
}

/// Replicate: starting, processing, succeeded; or canceled, once somebody asked for that.
pub(crate) fn replicate() -> impl FnMut(&Asked, &str) -> Option<Reply> + Send + 'static {
    let (mut looks, mut stopped, mut input) = (0, false, json!({}));
    move |asked, origin| {
        let prediction = |status: &str, output: Value, input: &Value| {
            json!({
                "id": "p1", "model": "o/m", "version": "hidden", "input": input,
                "logs": if status == "starting" { "" } else { " 42%|####  | 21/50" },
                "output": output, "data_removed": false, "error": null, "status": status,
                "created_at": "2023-11-14T22:13:20.000Z",
                "urls": {
                    "get": format!("{origin}/v1/predictions/p1"),
                    "cancel": format!("{origin}/v1/predictions/p1/cancel"),
                },
            })
        };
        Some(match asked.line().as_str() {
            "POST /v1/models/o/m/predictions" => {
                (looks, stopped, input) = (0, false, asked.json()["input"].clone());
                Reply::json(prediction("starting", json!(null), &input)).status(201)
            }
            "GET /v1/predictions/p1" => {
                looks += 1;
                let (status, output) = match looks {
                    _ if stopped => ("canceled", json!(null)),
                    1 => ("starting", json!(null)),
                    2 => ("processing", json!(null)),
                    _ => ("succeeded", json!([format!("{origin}/v1/out.png")])),
                };
                Reply::json(prediction(status, output, &input))
            }
            "GET /v1/out.png" => Reply::bytes("image/png", PNG),
            "POST /v1/predictions/p1/cancel" => {
                stopped = true;
                Reply::json(prediction("canceled", json!(null), &input))
            }
            "GET /v1/account" => Reply::json(
                json!({ "type": "user", "username": "ada", "name": "Ada", "github_url": "" }),
            ),
            _ => return None,
        })
    }
}

/// RunPod: in the queue, in progress, completed with a link; or cancelled.
pub(crate) fn runpod() -> impl FnMut(&Asked, &str) -> Option<Reply> + Send + 'static {
    let (mut looks, mut stopped) = (0, false);
    move |asked, origin| {
        Some(match asked.line().as_str() {
            "POST /v2/ep1/run" => {
                (looks, stopped) = (0, false);
                Reply::json(json!({ "id": "r1-e1", "status": "IN_QUEUE" }))
            }
            "GET /v2/ep1/status/r1-e1" => {
                looks += 1;
                Reply::json(match looks {
                    _ if stopped => json!({ "id": "r1-e1", "status": "CANCELLED" }),
                    1 => json!({ "id": "r1-e1", "status": "IN_QUEUE" }),
                    2 => json!({
                        "id": "r1-e1", "status": "IN_PROGRESS", "delayTime": 12,
                        "workerId": "w1", "output": "step 21/50",
                    }),
                    // It never goes back.
                    3 => json!({
                        "id": "r1-e1", "status": "RUNNING", "delayTime": 12,
                        "workerId": "w1", "output": "step 1/50",
                    }),
                    _ => json!({
                        "id": "r1-e1", "status": "COMPLETED",
                        "delayTime": 12, "executionTime": 34, "workerId": "w1",
                        "output": { "image_url": format!("{origin}/v2/out.png"), "seed": 5 },
                    }),
                })
            }
            "GET /v2/out.png" => Reply::bytes("image/png", PNG),
            "POST /v2/ep1/cancel/r1-e1" => {
                stopped = true;
                Reply::json(json!({ "id": "r1-e1", "status": "CANCELLED" }))
            }
            "GET /v2/ep1/health" => Reply::json(json!({
                "jobs": { "completed": 1, "failed": 0, "inProgress": 0, "inQueue": 0, "retried": 0 },
                "workers": {
                    "idle": 1, "initializing": 0, "ready": 1, "running": 0, "throttled": 0,
                    "unhealthy": 0,
                },
            })),
            _ => return None,
        })
    }
}
