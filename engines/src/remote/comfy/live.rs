//! How far a prompt is, as the server tells over its websocket: JSON messages `{type, data}`; what
//! is binary are previews (ComfyUI's server.py, protocol.py and comfy_execution/progress.py). These
//! are hints: a socket that fails or tells nonsense changes nothing, the history is the truth.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::super::common::number;
use crate::Context;

/// How long one look listens.
const LISTEN: Duration = Duration::from_millis(1_000);
/// Longest message; previews are far smaller.
const MOST: usize = 16 << 20;

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Live {
    /// 0..=1.
    pub(super) progress: Option<f64>,
    /// A few words; empty when nothing is known.
    pub(super) words: String,
    /// The server says that it has ended.
    pub(super) ended: bool,
    /// The whole state is told, not only the node at work.
    whole: bool,
}

impl Live {
    /// Takes one message about the prompt `id` whose work has so many parts. True when it told
    /// something new.
    fn hear(&mut self, text: &str, id: &str, parts: u32) -> bool {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let data = &message["data"];
        // The client id is the prompt’s own: what names no prompt is about this one.
        if data["prompt_id"].as_str().is_some_and(|other| other != id) {
            return false;
        }
        match message["type"].as_str().unwrap_or_default() {
            "progress_state" => self.state(&data["nodes"], parts),
            "progress" => self.step(data, parts),
            "executing" if data.get("node").is_some_and(Value::is_null) => self.end(),
            "execution_success" | "execution_error" | "execution_interrupted" => self.end(),
            _ => false,
        }
    }

    fn end(&mut self) -> bool {
        self.ended = true;
        false
    }

    /// The node at work. Its part of the whole is known only when it is the only one in steps.
    fn step(&mut self, data: &Value, parts: u32) -> bool {
        let Some((value, max)) = steps(data) else { return false };
        self.words = format!("step {value:.0} of {max:.0}");
        if !self.whole && parts == 1 {
            self.progress = Some((value / max).min(0.99));
        }
        true
    }

    /// All nodes that began. Only those in steps take long.
    fn state(&mut self, nodes: &Value, parts: u32) -> bool {
        let Some(nodes) = nodes.as_object() else { return false };
        let mut done = 0.0;
        for node in nodes.values() {
            let Some((value, max)) = steps(node) else { continue };
            if node["state"] == "finished" {
                done += 1.0;
            } else {
                done += value / max;
                self.words = format!("step {value:.0} of {max:.0}");
            }
        }
        self.whole = true;
        self.progress = Some((done / f64::from(parts.max(1))).min(0.99));
        true
    }
}

/// Steps done and to do, of what has more than one.
fn steps(data: &Value) -> Option<(f64, f64)> {
    let (value, max) = (number(&data["value"])?, number(&data["max"])?);
    (max > 1.0).then(|| (value.clamp(0.0, max), max))
}

/// Whose messages are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The prompt.
    pub(super) id: &'a str,
    /// The client that it was sent by.
    pub(super) client: &'a str,
    /// How many parts its work has.
    pub(super) parts: u32,
}

/// Listens for a moment and reports what it hears; nothing when there is no socket.
pub(super) async fn listen(context: &Context, base: &Url, about: About<'_>) -> Option<Live> {
    let mut heard = None;
    tokio::select! {
        _ = tokio::time::timeout(LISTEN, follow(context, base, about, &mut heard)) => {}
        () = context.cancel.cancelled() => {}
    }
    heard
}

/// Follows the socket until the end or for ever; an early return says that there is none.
async fn follow(
    context: &Context,
    base: &Url,
    about: About<'_>,
    heard: &mut Option<Live>,
) -> Option<()> {
    let mut url = base.join("ws").ok()?;
    // Over https polling alone tells how far it is.
    if url.scheme() != "http" {
        return None;
    }
    url.set_scheme("ws").ok()?;
    url.query_pairs_mut().append_pair("clientId", about.client);
    let mut request = url.as_str().into_client_request().ok()?;
    if let Some(key) = &context.key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).ok()?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    let config = WebSocketConfig::default().max_message_size(Some(MOST)).max_frame_size(Some(MOST));
    let (mut socket, _) = connect_async_with_config(request, Some(config), true).await.ok()?;
    let live = heard.insert(Live::default());
    while let Some(message) = socket.next().await {
        // Previews, pings and the rest are of no use here.
        let Message::Text(text) = message.ok()? else { continue };
        if live.hear(text.as_str(), about.id, about.parts) {
            context.report(live.progress.unwrap_or(0.05) as f32, &live.words);
        }
        if live.ended {
            break;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::Live;

    #[test]
    fn messages_about_this_prompt_tell_how_far_it_is() {
        let mut live = Live::default();
        assert!(!live.hear(
            r#"{"type":"progress","data":{"value":9,"max":10,"prompt_id":"other"}}"#,
            "p",
            1
        ));
        assert_eq!(live, Live::default());
        assert!(live.hear(
            r#"{"type":"progress","data":{"value":5,"max":20,"prompt_id":"p"}}"#,
            "p",
            1
        ));
        assert_eq!((live.progress, live.words.as_str()), (Some(0.25), "step 5 of 20"));
        // Two samplers: the first is done, the second half done.
        let state = r#"{"type":"progress_state","data":{"prompt_id":"p","nodes":{
            "1":{"value":1,"max":1,"state":"finished"},
            "3":{"value":20,"max":20,"state":"finished"},
            "4":{"value":10,"max":20,"state":"running"}}}}"#;
        assert!(live.hear(state, "p", 2));
        assert_eq!((live.progress, live.words.as_str()), (Some(0.75), "step 10 of 20"));
        assert!(!live.ended);
        live.hear(r#"{"type":"executing","data":{"node":null,"prompt_id":"p"}}"#, "p", 2);
        assert!(live.ended);
    }

    #[test]
    fn nonsense_is_not_heard() {
        let mut live = Live::default();
        for text in [
            "",
            "[]",
            "null",
            r#"{"type":"progress","data":{"value":1,"max":0}}"#,
            r#"{"type":"progress","data":{"value":"x","max":5}}"#,
            r#"{"type":"progress_state","data":{"nodes":[1]}}"#,
            r#"{"type":"executing","data":{"node":"4"}}"#,
            r#"{"type":"status","data":{"status":{"exec_info":{"queue_remaining":1}}}}"#,
        ] {
            assert!(!live.hear(text, "p", 1), "{text}");
        }
        assert_eq!(live, Live::default());
        live.hear(r#"{"type":"progress","data":{"value":99,"max":5}}"#, "p", 1);
        assert_eq!(live.progress, Some(0.99));
    }
}
