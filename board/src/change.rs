//! What happened to one record. Recorded where it happens, never found by comparing states.

use crate::{AssetInfo, Note, Run, Twine};

/// One record's change.
#[derive(Debug, Clone, PartialEq)]
pub enum Rec<T> {
    /// It came.
    Inserted(T),
    /// It changed.
    Updated {
        /// As it was.
        before: T,
        /// As it is.
        after: T,
    },
    /// It went.
    Removed(T),
}

impl<T> Rec<T> {
    /// The record after the change; none when removed.
    pub fn after(&self) -> Option<&T> {
        match self {
            Self::Inserted(record) | Self::Updated { after: record, .. } => Some(record),
            Self::Removed(_) => None,
        }
    }

    /// The record before the change; none when inserted.
    pub fn before(&self) -> Option<&T> {
        match self {
            Self::Removed(record) | Self::Updated { before: record, .. } => Some(record),
            Self::Inserted(_) => None,
        }
    }
}

/// What happened to one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// To a note.
    Note(Rec<Note>),
    /// To a twine.
    Twine(Rec<Twine>),
    /// A run was written down.
    Run(Run),
    /// An asset became known.
    Asset(AssetInfo),
}
