//! Keeps a key out of what a provider says, should the provider repeat it: in an error, a name, an
//! address, a text. What a provider says ends on disk, on the wall and in the terminal.
//!
//! Found as it is, in base64 as in a header for name and password, and percent-encoded as in an
//! address. A provider that hides it on purpose has the key already; that is not what this is for.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// In place of the key.
const MARK: &str = "…";
/// A shorter one is a word such as `ollama`, which servers ask for that want none. It is taken out
/// of sentences; in other places it may be there in its own right.
const LEAST: usize = 10;

/// The forms of one key, longest first.
#[derive(Default)]
pub(crate) struct Veil {
    forms: Vec<Zeroizing<String>>,
    is_short: bool,
}

impl Veil {
    pub(crate) fn of(key: Option<&SecretString>) -> Self {
        let key = key.map_or("", ExposeSecret::expose_secret).trim();
        if key.is_empty() {
            return Self::default();
        }
        let percent = |low: bool| {
            key.bytes().fold(String::new(), |text, byte| match byte {
                b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => {
                    format!("{text}{}", char::from(b))
                }
                b if low => format!("{text}%{b:02x}"),
                b => format!("{text}%{b:02X}"),
            })
        };
        // Whole groups only: what follows the key would change the last one.
        let groups = &key.as_bytes()[..key.len() - key.len() % 3];
        let mut forms = vec![key.to_owned()];
        if key.len() >= LEAST {
            let encoded = [STANDARD.encode(groups), URL_SAFE.encode(groups)];
            forms.extend(encoded.into_iter().chain([percent(false), percent(true)]));
        }
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        let forms = forms.into_iter().map(Zeroizing::new).collect();
        Self { forms, is_short: key.len() < LEAST }
    }

    /// A sentence without the key.
    pub(crate) fn sentence(&self, text: String) -> String {
        self.forms.iter().fold(text, |text, form| {
            if text.contains(form.as_str()) { text.replace(form.as_str(), MARK) } else { text }
        })
    }

    /// A text of the provider without a key that is long enough to be one.
    pub(crate) fn text(&self, text: String) -> String {
        if self.is_short { text } else { self.sentence(text) }
    }

    /// How many bytes of a text that is still growing are settled: what follows might be the beginning
    /// of the key. No form of the key is cut in two.
    pub(crate) fn settled(&self, growing: &str) -> usize {
        let longest = self.forms.first().map_or(0, |form| form.len());
        let mut end = growing.len().saturating_sub(longest.saturating_sub(1));
        while !growing.is_char_boundary(end) {
            end -= 1;
        }
        for form in &self.forms {
            let cut = growing
                .match_indices(form.as_str())
                .find(|(at, f)| (*at..at + f.len()).contains(&end));
            if let Some((at, form)) = cut {
                end = at + form.len();
            }
        }
        end
    }

    /// The same for all texts and names in a JSON value.
    pub(crate) fn value(&self, value: &mut Value) {
        if self.is_short || self.forms.is_empty() {
            return;
        }
        match value {
            Value::String(text) => *text = self.sentence(std::mem::take(text)),
            Value::Array(list) => list.iter_mut().for_each(|v| self.value(v)),
            Value::Object(map) => {
                if map.keys().any(|name| self.is_in(name.as_bytes())) {
                    let all = std::mem::take(map);
                    map.extend(all.into_iter().map(|(name, v)| (self.sentence(name), v)));
                }
                map.values_mut().for_each(|v| self.value(v));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// True when the key is in these bytes, where nothing can be taken out.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        if self.is_short {
            return false;
        }
        self.forms.iter().any(|form| {
            let form = form.as_bytes();
            let Some((first, rest)) = form.split_first() else { return false };
            let mut at = bytes;
            while let Some(i) = at.iter().position(|b| b == first) {
                at = &at[i + 1..];
                if at.starts_with(rest) {
                    return true;
                }
            }
            false
        })
    }

    /// How much of the end of a piece must be looked at again with the next one.
    pub(crate) fn overlap(&self) -> usize {
        self.forms.first().map_or(0, |form| form.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn veil(key: &str) -> Veil {
        Veil::of(Some(&SecretString::from(key.to_owned())))
    }

    #[test]
    fn however_a_text_comes_the_key_in_it_never_does() {
        let key = "canary-7f3a9d:e51c+b8";
        let veil = veil(key);
        let whole =
            format!("é before {key}, {} and a canary-7f3 that is none", STANDARD.encode(key));
        let letters: Vec<char> = whole.chars().collect();
        for size in 1..12 {
            let (mut text, mut shown, mut told) = (String::new(), 0, String::new());
            for piece in letters.chunks(size) {
                text.extend(piece);
                let n = veil.settled(&text[shown..]);
                told.push_str(&veil.text(text[shown..shown + n].to_owned()));
                shown += n;
            }
            assert!(!told.contains(&key[..12]) && told.starts_with("é before …, …"), "{told}");
        }
    }

    #[test]
    fn a_key_is_found_in_every_form_and_place() {
        let key = "canary-7f3a9d:e51c+b8";
        let veil = veil(key);
        for form in [
            key.to_owned(),
            STANDARD.encode(key),
            STANDARD.encode(format!("{key}:")),
            URL_SAFE.encode(key),
            "canary-7f3a9d%3Ae51c%2Bb8".to_owned(),
            "canary-7f3a9d%3ae51c%2bb8".to_owned(),
        ] {
            let told = veil.text(format!("before {form} after {form}"));
            assert!(told.starts_with("before …") && told.contains(" after …"), "{told}");
            assert!(!told.contains("canary") && veil.is_in(format!("xcc{form}").as_bytes()));
            let mut value = json!({ "a": [{ "b": form }], format!("name {form}"): 5, "c": null });
            veil.value(&mut value);
            assert!(!value.to_string().contains(&form) && value["a"][0]["b"] != json!(form));
            let names = value.as_object().unwrap().keys();
            assert!(names.into_iter().any(|name| name.starts_with("name …")), "{value}");
        }
        assert!(!veil.is_in(b"canary-7f3a9d") && veil.overlap() >= key.len() - 1);
    }

    #[test]
    fn words_that_are_no_secret_stay_where_they_are() {
        let word = veil("ollama");
        let mut value = json!({ "id": "ollama/llama3" });
        word.value(&mut value);
        assert_eq!(value["id"], "ollama/llama3");
        assert!(!word.is_in(b"ollama") && word.text("ollama".to_owned()) == "ollama");
        assert_eq!(word.sentence("who is ollama?".to_owned()), "who is …?");
        for none in [Veil::of(None), veil("  ")] {
            assert_eq!(none.text("a text".to_owned()), "a text");
            assert!(!none.is_in(b"") && none.overlap() == 0);
        }
    }
}
