//! Sentences for the user, from the Fluent files in `assets/words`.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

const ENGLISH: &str = include_str!("../../assets/words/en.ftl");
const FRENCH: &str = include_str!("../../assets/words/fr.ftl");

/// The words of one language, with English behind it.
pub(crate) struct Words {
    bundles: Vec<FluentBundle<FluentResource>>,
}

fn bundle(language: &str, source: &str) -> Option<FluentBundle<FluentResource>> {
    let mut bundle = FluentBundle::new_concurrent(vec![language.parse().ok()?]);
    bundle.set_use_isolating(false);
    // A broken line costs that line; a test reads every file whole.
    let resource =
        FluentResource::try_new(source.to_owned()).unwrap_or_else(|(partial, _)| partial);
    bundle.add_resource_overriding(resource);
    Some(bundle)
}

impl Words {
    /// "fr", "en", or "auto" for the language of the system.
    pub(crate) fn new(language: &str) -> Self {
        let system = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|v| std::env::var(v).ok().filter(|s| !s.is_empty()));
        let french = match language {
            "auto" => system.is_some_and(|s| s.starts_with("fr")),
            other => other.starts_with("fr"),
        };
        let mut bundles = Vec::new();
        if french {
            bundles.extend(bundle("fr", FRENCH));
        }
        bundles.extend(bundle("en", ENGLISH));
        Self { bundles }
    }

    /// A sentence. A missing key shows itself, so that it is seen.
    pub(crate) fn get(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// A sentence with values in it.
    pub(crate) fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set((*name).to_owned(), (*value).to_owned());
        }
        for bundle in &self.bundles {
            if let Some(pattern) = bundle.get_message(key).and_then(|m| m.value()) {
                return bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned();
            }
        }
        key.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(source: &str) -> Vec<&str> {
        let is_key =
            |l: &&str| l.starts_with(|c: char| c.is_ascii_lowercase()) && l.contains(" = ");
        source.lines().filter(is_key).filter_map(|l| l.split(" = ").next()).collect()
    }

    #[test]
    fn every_key_is_there_in_every_language() {
        for source in [ENGLISH, FRENCH] {
            assert!(FluentResource::try_new(source.to_owned()).is_ok());
        }
        let (mut english, mut french) = (keys(ENGLISH), keys(FRENCH));
        english.sort_unstable();
        french.sort_unstable();
        assert_eq!(english, french);
        assert_eq!(Words::new("fr").get("save-saved"), "Enregistré");
        for op in oto_board::Op::ALL {
            assert!(english.contains(&op.label()), "{}", op.label());
        }
    }
}
