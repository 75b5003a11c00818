//! OpenAI, Replicate and RunPod as the contract tests have them, for their own clients to judge
//! (bench/judges). Prints one line of JSON with the addresses and the key, and ends when standard
//! input does.
#![allow(clippy::unwrap_used, reason = "an example that cannot go on ends")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its answers are read by a program")]

#[path = "../tests/contract/shapes.rs"]
mod shapes;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/contract/wire.rs"]
mod wire;

use std::io::Read;

use serde_json::json;
use wire::{Asked, Fake, Reply};

const KEY: &str = "judge-key-7f3a";

/// A provider that asks for the key and says what it does not know.
fn start(
    mut shapes: impl FnMut(&Asked, &str) -> Option<Reply> + Send + 'static,
    refusal: fn() -> Reply,
) -> Fake {
    Fake::start(move |asked, origin| {
        if asked.header("authorization") != format!("Bearer {KEY}") {
            return refusal();
        }
        shapes(asked, origin).unwrap_or_else(|| {
            let line = asked.line();
            eprintln!("fake_provider: not in the contract: {line}");
            Reply::json(json!({ "detail": format!("not in the contract: {line}") })).status(404)
        })
    })
}

fn main() {
    let openai = start(shapes::openai(), shapes::openai_refusal);
    let replicate = start(shapes::replicate(), shapes::replicate_refusal);
    let runpod = start(shapes::runpod(), || Reply::bytes("text/plain", "").status(401));
    println!(
        "{}",
        json!({
            "openai": format!("{}/v1", openai.origin),
            "replicate": replicate.origin,
            "runpod": format!("{}/v2", runpod.origin),
            "key": KEY,
            "png": shapes::PNG,
            "wav": shapes::WAV,
            "mp4": shapes::MP4,
        })
    );
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
