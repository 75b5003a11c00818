//! Servers on this machine: Ollama, llama.cpp, LM Studio, ComfyUI and others. A port alone proves nothing; the answer
//! must be that server's. Only loopback, 300 ms each, no key, no prompt. A find is offered, never
//! used unasked.

use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::Value;

use crate::http::{Sends, client_for, read_capped};

/// A server that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// "ollama", "llamacpp", "lmstudio", "comfyui", "a1111", "sdcpp", "kokoro",
    /// "vllm", "localai", "comfy-v2".
    pub server: &'static str,
    /// The adapter that speaks to it.
    pub adapter: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// Address for its adapter.
    pub base_url: String,
    /// Models it names.
    pub models: Vec<String>,
}

struct Probe {
    server: &'static str,
    label: &'static str,
    port: u16,
    path: &'static str,
    adapter: &'static str,
    /// What the address ends with.
    base: &'static str,
    /// The answer that is looked for comes with the status of an error.
    asks_for_an_error: bool,
    recognised: fn(&Value) -> Option<Vec<String>>,
}

fn names(list: &Value, key: &str) -> Option<Vec<String>> {
    Some(list.as_array()?.iter().filter_map(|m| m[key].as_str()).map(str::to_owned).collect())
}

const PROBES: [Probe; 10] = [
    Probe {
        server: "ollama",
        label: "Ollama",
        port: 11_434,
        path: "/api/tags",
        adapter: "openai",
        base: "/v1",
        asks_for_an_error: false,
        recognised: |v| names(&v["models"], "name"),
    },
    Probe {
        server: "llamacpp",
        label: "llama.cpp",
        port: 8_080,
        path: "/props",
        adapter: "openai",
        base: "/v1",
        asks_for_an_error: false,
        recognised: |v| v["default_generation_settings"].is_object().then(Vec::new),
    },
    Probe {
        server: "lmstudio",
        label: "LM Studio",
        port: 1_234,
        path: "/api/v0/models",
        adapter: "openai",
        base: "/v1",
        asks_for_an_error: false,
        recognised: |v| names(&v["data"], "id"),
    },
    Probe {
        server: "comfyui",
        label: "ComfyUI",
        port: 8_188,
        path: "/system_stats",
        adapter: "comfy",
        base: "",
        asks_for_an_error: false,
        recognised: |v| v["system"]["comfyui_version"].is_string().then(Vec::new),
    },
    Probe {
        server: "a1111",
        label: "Automatic1111",
        port: 7_860,
        path: "/sdapi/v1/samplers",
        adapter: "a1111",
        base: "",
        asks_for_an_error: false,
        recognised: |v| v[0]["aliases"].is_array().then(Vec::new),
    },
    Probe {
        server: "sdcpp",
        label: "stable-diffusion.cpp",
        port: 1_234,
        path: "/sdcpp/v1/capabilities",
        adapter: "sdcpp",
        base: "",
        asks_for_an_error: false,
        recognised: |v| v["supported_modes"].is_array().then(Vec::new),
    },
    Probe {
        server: "kokoro",
        label: "Kokoro",
        port: 8_880,
        path: "/v1/models",
        adapter: "openai",
        base: "/v1",
        asks_for_an_error: false,
        // A model of its own name: others use this port too.
        recognised: |v| {
            names(&v["data"], "id").filter(|ids| ids.iter().any(|id| id.contains("kokoro")))
        },
    },
    Probe {
        server: "vllm",
        label: "vLLM",
        port: 8_000,
        path: "/v1/models",
        adapter: "openai",
        base: "/v1",
        asks_for_an_error: false,
        // Half of all programs use this port.
        recognised: |v| owned(v, "vllm"),
    },
    Probe {
        server: "localai",
        label: "LocalAI",
        port: 8_080,
        path: "/v1/models/capabilities",
        adapter: "openai",
        base: "/v1",
        asks_for_an_error: false,
        // llama.cpp uses this port too, and does not have this page.
        recognised: |v| (v["object"] == "list").then(|| names(&v["data"], "id")).flatten(),
    },
    Probe {
        server: "comfy-v2",
        label: "Comfy",
        port: 8_189,
        // A job that nobody made: the contract names the error.
        path: "/api/v2/jobs/00000000-0000-0000-0000-000000000000",
        adapter: "comfy-v2",
        base: "",
        asks_for_an_error: true,
        recognised: |v| {
            let code = v["error"]["code"].as_str()?;
            matches!(code, "not_found" | "unauthorized").then(Vec::new)
        },
    },
];

/// Models of a server that names itself as their owner.
fn owned(answer: &Value, owner: &str) -> Option<Vec<String>> {
    let owns = answer["data"].as_array()?.iter().any(|m| m["owned_by"] == owner);
    owns.then(|| names(&answer["data"], "id")).flatten()
}

/// Looks for servers at their usual ports.
pub async fn discover() -> Vec<Found> {
    discover_at(|port| port).await
}

/// Looks for servers with ports mapped by `port_of`, which tests use.
pub async fn discover_at(port_of: impl Fn(u16) -> u16) -> Vec<Found> {
    let looks = PROBES.iter().map(|probe| look(probe, port_of(probe.port)));
    futures_util::future::join_all(looks).await.into_iter().flatten().collect()
}

async fn look(probe: &Probe, port: u16) -> Option<Found> {
    let base = Url::parse(&format!("http://127.0.0.1:{port}")).ok()?;
    let wait = Duration::from_millis(300);
    let client: Client = client_for(&base, wait).ok()?;
    let url = base.join(probe.path).ok()?;
    let answer = tokio::time::timeout(wait, async {
        let response = client.get(url).send().await.ok()?;
        let is_fine = response.status().is_success();
        if is_fine == probe.asks_for_an_error {
            return None;
        }
        read_capped(response, 1 << 20, Sends::Nothing).await.ok()
    });
    let value: Value = serde_json::from_slice(&answer.await.ok()??).ok()?;
    let models = (probe.recognised)(&value)?;
    Some(Found {
        server: probe.server,
        label: probe.label,
        base_url: format!("http://127.0.0.1:{port}{}", probe.base),
        adapter: probe.adapter,
        models,
    })
}
