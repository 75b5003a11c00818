//! ComfyUI workflows of users, for every engine that runs them: read in the API format, and filled
//! with the words, the seed, the parameters and the sources of a request. Where they go is told by
//! titles such as `oto:positive`, by slots such as `{{prompt}}`, or found by what common nodes do.

mod braces;
mod fill;
mod graph;
mod slots;

use serde_json::Value;

use crate::http::invalid;
use crate::{EngineError, Input, Kind, Request};

pub(super) use fill::{NUMBERS, words_of};
pub(super) use graph::{EDITOR_FORMAT, Graph};

/// Sources that are sent at most.
const MOST_SOURCES: usize = 16;

/// The workflow of a request, when it has one.
pub(super) fn of(request: &Request) -> Result<Option<Graph>, EngineError> {
    let text = request.param("workflow", "");
    if text.is_empty() { Ok(None) } else { Graph::read(text).map(Some) }
}

/// A workflow with everything in it but the sources, which may have to be sent first.
#[derive(Debug)]
pub(super) struct Filling {
    graph: Graph,
    has_slots: bool,
}

impl Filling {
    /// What cannot be filled in is found out before anything is sent.
    pub(super) fn of(mut graph: Graph, request: &Request) -> Result<Self, EngineError> {
        let has_slots = graph.has_slots();
        if !has_slots {
            let wants_picture = sources(request).iter().any(|i| i.kind == Kind::Image);
            if wants_picture && fill::picture_places(&graph) == 0 {
                return Err(invalid(
                    "The workflow has no place for the source picture. In ComfyUI give the node that loads it the title oto:image and export it again, or take the source away.",
                ));
            }
            fill::fill(&mut graph, request)?;
        }
        Ok(Self { graph, has_slots })
    }

    /// Sources that the workflow has room for.
    pub(super) fn sources<'a>(&self, request: &'a Request) -> Vec<&'a Input> {
        let room = if self.has_slots { MOST_SOURCES } else { fill::picture_places(&self.graph) };
        let mut pictures = 0;
        let fits = |input: &&Input| {
            pictures += usize::from(input.kind == Kind::Image);
            input.kind != Kind::Image || pictures <= room
        };
        sources(request).into_iter().filter(fits).collect()
    }

    /// Which nodes there are.
    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What is sent; `sources` are what the workflow writes where it names a file.
    pub(super) fn finish(
        mut self,
        request: &Request,
        sources: &[(Kind, Value)],
    ) -> Result<Value, EngineError> {
        if self.has_slots {
            return braces::filled(self.graph.into_value(), request, sources);
        }
        let of = |kind: Kind| sources.iter().filter(move |(k, _)| *k == kind).map(|(_, s)| s);
        fill::fill_pictures(&mut self.graph, of(Kind::Image));
        let mut value = self.graph.into_value();
        for kind in [Kind::Voice, Kind::Video] {
            braces::load(&mut value, kind, of(kind));
        }
        Ok(value)
    }
}

/// Sources that are files.
fn sources(request: &Request) -> Vec<&Input> {
    let files = request.inputs.iter().filter(|i| i.kind != Kind::Text && i.file.is_some());
    files.take(MOST_SOURCES).collect()
}
