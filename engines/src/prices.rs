//! What providers ask for, from their public price lists: a versioned data file, for estimates and
//! for costs that a provider does not report itself.

use std::sync::OnceLock;

use reqwest::Url;
use serde::Deserialize;

use crate::{Added, Estimate, Request};

const FILE: &str = include_str!("../prices.json");

#[derive(Debug, Deserialize)]
struct List {
    version: String,
    prices: Vec<Price>,
}

#[derive(Debug, Deserialize)]
struct Price {
    adapter: String,
    /// Only at this host: a proxy that speaks the same contract has prices of its own.
    host: String,
    model: String,
    unit: Unit,
    micro: i64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Unit {
    #[serde(rename = "image")]
    Image,
    #[serde(rename = "1k_letters")]
    ThousandLetters,
}

/// The list; empty when the file is damaged, which a test refuses.
fn list() -> &'static List {
    static LIST: OnceLock<List> = OnceLock::new();
    LIST.get_or_init(|| {
        serde_json::from_str(FILE).unwrap_or(List { version: String::new(), prices: Vec::new() })
    })
}

/// Version of the price list.
#[must_use]
pub fn version() -> &'static str {
    &list().version
}

/// What a request to an engine that was added will cost by the list.
pub(crate) fn estimate(added: &Added, request: &Request) -> Estimate {
    let model = if request.model.is_empty() { &added.model } else { &request.model };
    let url = Url::parse(&added.base_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let price = list()
        .prices
        .iter()
        .find(|p| p.adapter == added.adapter && p.host == host && p.model == *model);
    let Some(price) = price else { return Estimate::UNKNOWN };
    let micro = match price.unit {
        Unit::Image => price.micro,
        Unit::ThousandLetters => {
            let letters = i64::try_from(request.words().chars().count()).unwrap_or(i64::MAX);
            letters.saturating_mul(price.micro).saturating_add(999) / 1_000
        }
    };
    Estimate { micro: Some([micro, micro]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn added(adapter: &str, base_url: &str, model: &str) -> Added {
        Added {
            name: "x".to_owned(),
            adapter: adapter.to_owned(),
            base_url: base_url.to_owned(),
            model: model.to_owned(),
        }
    }

    #[test]
    fn prices_hold_for_a_model_at_its_own_host() {
        assert!(!version().is_empty() && list().prices.iter().all(|p| p.micro > 0));
        let asks = Request {
            kind: Kind::Voice,
            model: String::new(),
            prompt: "x".repeat(1_500),
            seed: 1,
            params: std::collections::BTreeMap::new(),
            inputs: Vec::new(),
            submission_id: String::new(),
        };
        let of = |a: &Added| estimate(a, &asks).micro;
        let openai = "https://api.openai.com/v1";
        assert_eq!(of(&added("openai", openai, "tts-1")), Some([22_500, 22_500]));
        let core = added("stability", "https://api.stability.ai", "core");
        assert_eq!(of(&core), Some([30_000, 30_000]));
        assert_eq!(of(&added("openai", "https://proxy.example/v1", "tts-1")), None);
        assert_eq!(of(&added("openai", openai, "something-new")), None);
    }
}
