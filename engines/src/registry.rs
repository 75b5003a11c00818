//! The engines a home has: the local ones, and those that were added.

use std::sync::Arc;

use crate::film::Film;
use crate::local::{Music, Painter, Voice, Writer};
use crate::remote::ADAPTERS;
use crate::{Engine, Estimate, Request, prices};

/// An engine that was added by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Name, which becomes the engine's id.
    pub name: String,
    /// Adapter type.
    pub adapter: String,
    /// Address.
    pub base_url: String,
    /// Model, empty for the server's first.
    pub model: String,
}

/// All engines, by id.
#[derive(Clone, Default)]
pub struct Registry {
    engines: Vec<(Arc<dyn Engine>, Option<Added>)>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.engines.iter().map(|(e, _)| e.describe().id)).finish()
    }
}

impl Registry {
    /// The engines that are always there.
    #[must_use]
    pub fn local() -> Self {
        let local: [Arc<dyn Engine>; 5] =
            [Arc::new(Writer), Arc::new(Painter), Arc::new(Voice), Arc::new(Music), Arc::new(Film)];
        Self { engines: local.into_iter().map(|e| (e, None)).collect() }
    }

    /// Adds or replaces an engine; one without an address gets the usual one. What was added.
    ///
    /// # Errors
    /// With a sentence when name, type or address cannot be used.
    pub fn add(&mut self, mut added: Added) -> Result<Added, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if added.name.is_empty() || added.name.len() > 60 || !added.name.chars().all(fits) {
            return Err(
                "An engine’s name has up to 60 letters, digits, dots and dashes.".to_owned()
            );
        }
        if added.name.starts_with("local-") {
            return Err(
                "Names that begin with “local-” belong to the engines inside oTo.".to_owned()
            );
        }
        let adapter = ADAPTERS.iter().find(|a| a.id == added.adapter).ok_or_else(|| {
            let known: Vec<_> = ADAPTERS.iter().map(|a| a.id).collect();
            format!("oTo has no adapter “{}”; it knows: {}", added.adapter, known.join(", "))
        })?;
        if added.base_url.is_empty() {
            adapter.base_url.clone_into(&mut added.base_url);
        }
        let engine = (adapter.build)(&added)?;
        self.remove(&added.name);
        self.engines.push((engine, Some(added.clone())));
        Ok(added)
    }

    /// Takes an added engine away. True when it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.engines.len();
        self.engines.retain(|(_, added)| added.as_ref().is_none_or(|a| a.name != name));
        self.engines.len() < before
    }

    /// An engine by id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<dyn Engine>> {
        self.engines.iter().find(|(e, _)| e.describe().id == id).map(|(e, _)| Arc::clone(e))
    }

    /// What a request to an engine will cost.
    #[must_use]
    pub fn estimate(&self, id: &str, request: &Request) -> Estimate {
        let found = self.engines.iter().find(|(e, _)| e.describe().id == id);
        let Some((engine, added)) = found else { return Estimate::UNKNOWN };
        match (engine.estimate(request), added) {
            (Estimate { micro: None }, Some(added)) => prices::estimate(added, request),
            (told, _) => told,
        }
    }

    /// All engines, with where the added ones are.
    pub fn all(&self) -> impl Iterator<Item = (&Arc<dyn Engine>, Option<&Added>)> {
        self.engines.iter().map(|(e, added)| (e, added.as_ref()))
    }
}
