//! Engines that are found and added.

use oto_engines::*;

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
