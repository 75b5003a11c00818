//! What can be asked of a board, as plain data: ids and times are already in it.

mod notes;
mod works;

use crate::{Agent, AssetInfo, EditError, JobId, Note, NoteId, Op, Run, Twine, TwineId, Tx};

/// A change somebody asks for.
#[expect(clippy::large_enum_variant, reason = "an edit lives for a frame and is sent boxed")]
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Puts notes and strings on the board.
    AddNotes {
        /// The notes, bottom first.
        notes: Vec<Note>,
        /// Strings between them or to notes that are there.
        twines: Vec<Twine>,
    },
    /// Moves notes.
    MoveNotes {
        /// Which.
        ids: Vec<NoteId>,
        /// How far, in world units.
        by: [f64; 2],
    },
    /// Gives a note another place and size.
    ResizeNote {
        /// Which.
        id: NoteId,
        /// New centre.
        center: [f64; 2],
        /// New width and height.
        size: [f64; 2],
    },
    /// Takes notes off the board, with their strings.
    RemoveNotes {
        /// Which.
        ids: Vec<NoteId>,
    },
    /// Puts notes on top of all others, in their present order.
    RaiseNotes {
        /// Which.
        ids: Vec<NoteId>,
    },
    /// Writes title and text of a note.
    WriteText {
        /// Which.
        id: NoteId,
        /// New title.
        title: String,
        /// New text.
        text: String,
    },
    /// Configures an agent.
    SetAgent {
        /// Which note.
        id: NoteId,
        /// Its new configuration.
        agent: Agent,
    },
    /// Gives notes another paper.
    SetColor {
        /// Which.
        ids: Vec<NoteId>,
        /// Index into the palette of paper colours.
        color: u8,
    },
    /// Stars notes, or takes the star away.
    StarNotes {
        /// Which.
        ids: Vec<NoteId>,
        /// Starred or not.
        starred: bool,
    },
    /// Ties strings.
    TieTwines {
        /// The strings.
        twines: Vec<Twine>,
    },
    /// Cuts strings.
    CutTwines {
        /// Which.
        ids: Vec<TwineId>,
    },
    /// A ghost note appears: a work in state `Making`, with its strings.
    BeginWork {
        /// The work.
        note: Note,
        /// Strings to its agent and sources.
        twines: Vec<Twine>,
    },
    /// A job's result: the run, its assets, and the work filled.
    FinishWork {
        /// The work.
        id: NoteId,
        /// Its run.
        run: Run,
        /// Files it made.
        assets: Vec<AssetInfo>,
        /// Caption.
        title: String,
        /// The words of a text or voice.
        text: String,
        /// Width and height that fit the result; none keeps the ghost's.
        size: Option<[f64; 2]>,
    },
    /// A job ended without a result.
    FailWork {
        /// The work.
        id: NoteId,
        /// The job.
        job: JobId,
        /// A sentence for the user; none when the user stopped it.
        reason: Option<String>,
    },
    /// The same work is made again by a new job.
    RetryWork {
        /// The work.
        id: NoteId,
        /// Where.
        home: String,
        /// The new job.
        job: JobId,
    },
}

impl Edit {
    /// Its name.
    #[must_use]
    pub fn op(&self) -> Op {
        match self {
            Self::AddNotes { .. } => Op::AddNotes,
            Self::MoveNotes { .. } => Op::MoveNotes,
            Self::ResizeNote { .. } => Op::ResizeNotes,
            Self::RemoveNotes { .. } => Op::RemoveNotes,
            Self::RaiseNotes { .. } => Op::RaiseNotes,
            Self::WriteText { .. } => Op::WriteText,
            Self::SetAgent { .. } => Op::SetAgent,
            Self::SetColor { .. } => Op::SetColor,
            Self::StarNotes { .. } => Op::StarNotes,
            Self::TieTwines { .. } => Op::TieTwines,
            Self::CutTwines { .. } => Op::CutTwines,
            Self::BeginWork { .. } => Op::BeginWork,
            Self::FinishWork { .. } => Op::FinishWork,
            Self::FailWork { .. } => Op::FailWork,
            Self::RetryWork { .. } => Op::RetryWork,
        }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// When it does not fit the board; the surrounding transaction then undoes all of it.
    pub fn apply(self, tx: &mut Tx<'_>) -> Result<(), EditError> {
        match self {
            Self::AddNotes { notes, twines } => notes::add(tx, notes, twines),
            Self::MoveNotes { ids, by } => notes::shift(tx, &ids, by),
            Self::ResizeNote { id, center, size } => tx.update_note(id, |note| {
                note.center = center;
                note.size = size;
            }),
            Self::RemoveNotes { ids } => ids.into_iter().try_for_each(|id| tx.remove_note(id)),
            Self::RaiseNotes { ids } => notes::raise(tx, ids),
            Self::WriteText { id, title, text } => tx.update_note(id, |note| {
                note.title = title;
                note.text = text;
            }),
            Self::SetAgent { id, agent } => notes::set_agent(tx, id, agent),
            Self::SetColor { ids, color } => {
                ids.into_iter().try_for_each(|id| tx.update_note(id, |n| n.color = color))
            }
            Self::StarNotes { ids, starred } => {
                ids.into_iter().try_for_each(|id| tx.update_note(id, |n| n.starred = starred))
            }
            Self::TieTwines { twines } => {
                twines.into_iter().try_for_each(|twine| tx.insert_twine(twine))
            }
            Self::CutTwines { ids } => ids.into_iter().try_for_each(|id| tx.remove_twine(id)),
            Self::BeginWork { note, twines } => works::begin(tx, note, twines),
            Self::FinishWork { id, run, assets, title, text, size } => {
                works::finish(tx, id, run, assets, (title, text, size))
            }
            Self::FailWork { id, job, reason } => works::fail(tx, id, job, reason),
            Self::RetryWork { id, home, job } => works::retry(tx, id, home, job),
        }
    }
}
