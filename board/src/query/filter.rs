//! Filter and search.

use crate::{Board, Note, NoteKind, WorkKind};

/// Which notes are lit. The default lights all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoteFilter {
    /// Every note.
    #[default]
    All,
    /// Works of one kind.
    Works(WorkKind),
    /// Agents only.
    Agents,
}

impl NoteFilter {
    /// True when the note is lit.
    #[must_use]
    pub fn lights(self, note: &Note) -> bool {
        match (self, &note.kind) {
            (Self::All, _) | (Self::Agents, NoteKind::Agent(_)) => true,
            (Self::Works(kind), NoteKind::Work(work)) => work.kind == kind,
            _ => false,
        }
    }
}

/// Notes whose title, text or prompt holds every word of the query, ignoring case; newest first.
#[must_use]
pub fn search<'b>(board: &'b Board, query: &str) -> Vec<&'b Note> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let mut found: Vec<&Note> = board
        .notes()
        .filter(|note| {
            let prompt = match &note.kind {
                NoteKind::Agent(agent) => agent.prompt.as_str(),
                NoteKind::Work(work) => work.recipe.prompt.as_str(),
                NoteKind::Plain | NoteKind::Frame => "",
            };
            let hay = format!("{}\n{}\n{prompt}", note.title, note.text).to_lowercase();
            words.iter().all(|word| hay.contains(word))
        })
        .collect();
    found.sort_by_key(|note| (std::cmp::Reverse(note.created_at_ms), note.id));
    found
}
