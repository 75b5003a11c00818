//! Engines that are found and added.

use oto_engines::*;
use serde_json::json;

use crate::provider::*;

#[tokio::test]
async fn found_servers_are_recognised_by_their_answer() {
    let ollama =
        Fake::start(|_, _| Reply::json(serde_json::json!({ "models": [{ "name": "llama3" }] })));
    let port: u16 = ollama.origin.split(':').nth(2).unwrap().parse().unwrap();
    // Every port leads to the same server: only the one whose answer fits is found.
    let found = discover::discover_at(|_| port).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].server, found[0].models.as_slice()),
        ("ollama", &["llama3".to_owned()][..])
    );
    assert!(ollama.heard().iter().all(|a| a.header("authorization").is_empty()));
    assert!(discover::discover_at(|_| 9).await.is_empty());
}

/// Shapes from vllm (`vllm/entrypoints/openai/protocol.py`, ModelCard), LocalAI
/// (`core/http/endpoints/openai/list_capabilities.go`), Comfy's published v2 contract, and of
/// others that use the same ports.
#[tokio::test]
async fn servers_that_share_ports_and_shapes_are_told_apart() {
    let nobody = "/api/v2/jobs/00000000-0000-0000-0000-000000000000";
    let card = |owner: &str| json!({ "object": "list", "data": [{ "id": "qwen", "object": "model", "created": 1, "owned_by": owner, "root": "qwen" }] });
    let abilities = json!({ "object": "list", "data": [{ "id": "phi", "object": "model", "capabilities": ["chat"], "input_modalities": ["text"] }] });
    let refused = |code: &str| json!({ "error": { "code": code, "message": "no" } });
    for (path, status, answer, server, models) in [
        ("/v1/models", 200, card("vllm"), Some("vllm"), 1),
        ("/v1/models", 200, card("sglang"), None, 0),
        ("/v1/models", 200, json!({ "object": "list", "data": [] }), None, 0),
        ("/v1/models/capabilities", 200, abilities, Some("localai"), 1),
        ("/v1/models/capabilities", 200, json!({ "data": {} }), None, 0),
        (nobody, 404, refused("not_found"), Some("comfy-v2"), 0),
        (nobody, 401, refused("unauthorized"), Some("comfy-v2"), 0),
        (nobody, 404, json!({ "detail": "Not Found" }), None, 0),
        (nobody, 200, refused("not_found"), None, 0),
        (nobody, 500, refused("internal"), None, 0),
    ] {
        let fake = Fake::start(move |asked, _| {
            if asked.path == path {
                Reply::json(answer.clone()).status(status)
            } else {
                Reply::bytes("text/html", "<html>").status(404)
            }
        });
        let port: u16 = fake.origin.split(':').nth(2).unwrap().parse().unwrap();
        let found = discover::discover_at(|_| port).await;
        let seen = found.first().map(|f| (f.server, f.models.len()));
        assert_eq!(seen, server.map(|s| (s, models)), "{path} {status}");
        assert!(found.len() < 2);
    }
}

#[test]
fn engines_are_added_by_name_and_address() {
    let mut registry = Registry::local();
    let added = |name: &str, url: &str| Added {
        name: name.into(),
        adapter: "openai".into(),
        base_url: url.into(),
        model: String::new(),
    };
    registry.add(added("lab", "http://127.0.0.1:1/v1")).unwrap();
    registry.add(added("lab", "http://127.0.0.1:2/v1")).unwrap();
    assert_eq!(registry.all().count(), 6);
    for (name, url) in [
        ("", "https://x.org"),
        ("local-text", "https://x.org"),
        ("a b", "https://x.org"),
        ("x", "http://example.com/v1"),
        ("x", "nonsense"),
    ] {
        assert!(registry.add(added(name, url)).is_err(), "{name} {url}");
    }
    assert!(registry.remove("lab") && !registry.remove("lab") && !registry.remove("local-text"));
}
