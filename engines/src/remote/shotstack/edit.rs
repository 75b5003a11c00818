//! The Edit format: what oTo reads and writes of it. Everything else is kept as it came, so that
//! an edit that only passes through oTo loses nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::EngineError;
use crate::http::invalid;

/// What oTo has no name for, kept.
pub type Rest = Map<String, Value>;

/// A film as it is cut.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// What is seen and heard when.
    pub timeline: Cut,
    /// What becomes of it: format, size, frames a second.
    #[serde(default)]
    pub output: Rest,
    /// The rest: words to be filled in, who is called at the end.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What is seen and heard when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Sound below everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soundtrack: Option<Value>,
    /// The first lies on top.
    #[serde(default)]
    pub tracks: Vec<Track>,
    /// The rest: paper, fonts.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Clips one after the other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// In order.
    #[serde(default)]
    pub clips: Vec<Clip>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One thing for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// The thing, by its `type`.
    pub asset: Rest,
    /// When it begins.
    pub start: When,
    /// How long it stays.
    pub length: When,
    /// How it fills the picture; none for `crop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
    /// How it comes (`in`) and goes (`out`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<Value>,
    /// How it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Seconds, or a word: `auto`, `end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum When {
    /// Seconds.
    Seconds(Number),
    /// A word.
    Word(String),
}

impl When {
    /// From milliseconds; whole seconds are written without a point.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Self {
        // Ten-thousandths tell every frame of 30 a second, and every millisecond, apart.
        let rounded = (seconds * 1e4).round() / 1e4;
        let number = if rounded.fract() == 0.0 && (0.0..1e9).contains(&rounded) {
            Number::from(rounded as u64)
        } else {
            Number::from_f64(rounded).unwrap_or_else(|| Number::from(0))
        };
        Self::Seconds(number)
    }

    /// Seconds, also those written as text; none for a word and for what no film lasts.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        let seconds = match self {
            Self::Seconds(number) => number.as_f64(),
            Self::Word(word) => word.trim().parse().ok(),
        };
        seconds.filter(|s| (0.0..86_400.0).contains(s))
    }

    /// True when it is this word.
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }
}

impl Clip {
    /// What kind of thing it shows.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("type")
    }

    /// A text of the asset, empty when it has none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.asset.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The name of the transition at its beginning (`in`) or end (`out`), empty when there is none.
    #[must_use]
    pub fn transition(&self, side: &str) -> &str {
        let name = self.transition.as_ref().and_then(|t| t[side].as_str()).unwrap_or_default();
        if name == "none" { "" } else { name }
    }
}

impl Edit {
    /// From JSON.
    ///
    /// # Errors
    /// With a sentence when it is no edit.
    pub fn parse(text: &str) -> Result<Self, EngineError> {
        serde_json::from_str(text).map_err(|error| {
            invalid(&format!(
                "This is no edit for Shotstack: {error}. Export the film from oTo, or correct the JSON."
            ))
        })
    }

    /// The same with the words of `merge` filled in, as the provider does it before it renders.
    #[must_use]
    pub fn merged(&self) -> Self {
        let list = self.rest.get("merge").and_then(Value::as_array);
        let pairs: Vec<(String, String)> = list
            .into_iter()
            .flatten()
            .filter_map(|pair| {
                let find = pair["find"].as_str().filter(|find| !find.is_empty())?;
                let replace = crate::remote::common::text(&pair["replace"]).unwrap_or_default();
                Some((find.to_owned(), replace))
            })
            .collect();
        let Ok(mut value) = serde_json::to_value(self) else { return self.clone() };
        if pairs.is_empty() {
            return self.clone();
        }
        fill(&mut value, &pairs);
        serde_json::from_value(value).unwrap_or_else(|_| self.clone())
    }
}

/// Longest text after filling in: placeholders in replacements cannot grow without end.
const MOST_TEXT: usize = 1 << 20;

fn fill(value: &mut Value, pairs: &[(String, String)]) {
    match value {
        Value::String(text) if text.contains("{{") => {
            for (find, replace) in pairs {
                for shape in [format!("{{{{{find}}}}}"), format!("{{{{ {find} }}}}")] {
                    let grown = text.matches(&shape).count().saturating_mul(replace.len());
                    if text.len().saturating_add(grown) < MOST_TEXT {
                        *text = text.replace(&shape, replace);
                    }
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|v| fill(v, pairs)),
        Value::Object(map) => map.values_mut().for_each(|v| fill(v, pairs)),
        _ => {}
    }
}
