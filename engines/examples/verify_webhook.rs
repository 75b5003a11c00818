//! Says whether oTo believes a call of a provider. Reads one JSON document a line from standard input:
//! `{"scheme", "headers": [[name, value], …], "body", "secret", "now"}`, the time in seconds since
//! 1970, and answers each with a line: `{"ok": true, "new", "event"}` or `{"ok": false, "why"}`.
//! Calls are remembered from line to line. For the judges in bench/judges.
#![allow(clippy::unwrap_used, reason = "an example that cannot go on ends")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its answers are read by a program")]

use std::io::BufRead;

use oto_engines::webhook::{Scheme, Seen, verify};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};

fn scheme(name: &str) -> Scheme {
    match name {
        "standard" => Scheme::Standard,
        "stripe" => Scheme::Stripe,
        "elevenlabs" => Scheme::ElevenLabs,
        "openrouter" => Scheme::OpenRouter,
        "vast" => Scheme::VastAccount,
        "fal" => Scheme::Fal,
        other => panic!("no such scheme: {other}"),
    }
}

fn headers(list: &Value) -> HeaderMap {
    let mut map = HeaderMap::new();
    for pair in list.as_array().unwrap() {
        let name: HeaderName = pair[0].as_str().unwrap().parse().unwrap();
        map.append(name, HeaderValue::from_str(pair[1].as_str().unwrap()).unwrap());
    }
    map
}

fn told(call: &Value, seen: &mut Seen) -> Value {
    let secret = call["secret"].as_str().unwrap();
    // Several are valid while they change.
    let keys: Vec<SecretString> =
        secret.split_whitespace().map(|key| SecretString::from(key.to_owned())).collect();
    let now_ms = call["now"].as_i64().unwrap() * 1_000;
    let body = call["body"].as_str().unwrap().as_bytes();
    let scheme = scheme(call["scheme"].as_str().unwrap());
    match verify(scheme, &headers(&call["headers"]), body, &keys, now_ms) {
        Ok(call) => {
            let is_new = seen.is_new(&call.replay_ids, now_ms);
            json!({ "ok": true, "new": is_new, "event": call.event })
        }
        Err(why) => json!({ "ok": false, "why": format!("{why:?}") }),
    }
}

fn main() {
    let mut seen = Seen::new(1_000);
    for line in std::io::stdin().lock().lines() {
        let call: Value = serde_json::from_str(&line.unwrap()).unwrap();
        println!("{}", told(&call, &mut seen));
    }
}
