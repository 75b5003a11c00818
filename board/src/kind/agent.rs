//! A golden note: a configured maker.

use super::WorkKind;

/// Configuration of a maker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// What it makes.
    pub makes: WorkKind,
    /// Engine id.
    pub engine: String,
    /// Model, empty for the engine's own choice.
    pub model: String,
    /// What is written in its prompt field.
    pub prompt: String,
    /// Parameters, sorted by name.
    pub params: Vec<(String, String)>,
    /// Index into the palette of agent colours: its pin and its strings.
    pub twine_color: u8,
}
