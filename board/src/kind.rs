//! The kinds of note.

mod agent;
mod work;

pub use agent::Agent;
pub use work::{Recipe, Work, WorkKind, WorkState};

/// What a note is. The larger kinds are boxed: most notes are plain, and there may be a million.
#[derive(Debug, Clone, PartialEq)]
pub enum NoteKind {
    /// Something the user wrote.
    Plain,
    /// A golden note: a configured maker.
    Agent(Box<Agent>),
    /// A creation, or one being made.
    Work(Box<Work>),
    /// A named region.
    Frame,
}

impl NoteKind {
    /// The agent, if it is one.
    #[must_use]
    pub fn agent(&self) -> Option<&Agent> {
        if let Self::Agent(agent) = self { Some(agent) } else { None }
    }

    /// The work, if it is one.
    #[must_use]
    pub fn work(&self) -> Option<&Work> {
        if let Self::Work(work) = self { Some(work) } else { None }
    }

    /// The word for it on the command line and in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Agent(_) => "agent",
            Self::Work(work) => work.kind.word(),
            Self::Frame => "frame",
        }
    }
}
