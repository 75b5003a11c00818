//! The headless model of a board: records, the one way to change them, history, geometry, queries.
//! It does no IO and reads neither clock nor randomness: ids and times are arguments.
#![warn(missing_docs)]

pub mod asset;
mod board;
mod builder;
pub mod change;
pub mod edit;
pub mod geom;
mod hash;
pub mod history;
pub mod id;
pub mod kind;
pub mod note;
pub mod op;
pub mod placement;
pub mod query;
pub mod run;
mod slot_list;
mod slots;
mod spatial;
pub mod transaction;
pub mod twine;
mod tx;
pub mod validate;

pub use asset::AssetInfo;
pub use board::{Board, EditError};
pub use builder::BoardBuilder;
pub use change::{Change, Rec};
pub use edit::Edit;
pub use history::{History, UndoReport};
pub use id::{AssetId, JobId, NoteId, RunId, StepId, TwineId};
pub use kind::{Agent, NoteKind, Recipe, Work, WorkKind, WorkState};
pub use note::Note;
pub use op::Op;
pub use run::{OutputRole, Run, RunInput, RunOutput};
pub use transaction::{Origin, Transaction, TxMeta};
pub use twine::{Twine, TwineRole};
pub use tx::Tx;
