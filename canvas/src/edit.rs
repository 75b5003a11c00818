//! The one path of change: requests come in as messages, one system applies them, what happened
//! goes out as messages.

use std::sync::Arc;

use bevy::prelude::*;
use oto_board::{Edit, Origin, StepId, Transaction};

use crate::{CanvasSystems, Mint, OpenBoard, Selection};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// A change.
    Edit(Box<Edit>),
    /// The last step back.
    Undo,
    /// The last undone step again.
    Redo,
}

/// Which undoable step a change belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A step of its own.
    New,
    /// One that is under way, such as a text being typed.
    Part(StepId),
}

/// Asks for a change of the board.
#[derive(Message, Debug, Clone, PartialEq)]
pub struct EditRequest {
    /// What.
    pub request: Request,
    /// Who.
    pub origin: Origin,
    /// The step.
    pub step: Step,
}

impl EditRequest {
    /// A change by the user, as a step of its own.
    #[must_use]
    pub fn user(edit: Edit) -> Self {
        Self { request: Request::Edit(Box::new(edit)), origin: Origin::User, step: Step::New }
    }

    /// A job's result.
    #[must_use]
    pub fn job(edit: Edit) -> Self {
        Self { request: Request::Edit(Box::new(edit)), origin: Origin::Job, step: Step::New }
    }

    /// Undo or redo.
    #[must_use]
    pub fn history(request: Request) -> Self {
        Self { request, origin: Origin::User, step: Step::New }
    }
}

/// The board has changed.
#[derive(Message, Debug, Clone)]
pub struct BoardChanged {
    /// How.
    pub transaction: Arc<Transaction>,
}

/// A request was refused; the board is as it was.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
pub struct EditRefused {
    /// A sentence for the user.
    pub reason: String,
}

pub(super) fn plugin(app: &mut App) {
    app.add_message::<EditRequest>()
        .add_message::<BoardChanged>()
        .add_message::<EditRefused>()
        .add_systems(Update, apply.in_set(CanvasSystems::Edit));
}

fn apply(
    mut requests: MessageReader<EditRequest>,
    mut open: ResMut<OpenBoard>,
    mut selection: ResMut<Selection>,
    mint: Res<Mint>,
    mut changed: MessageWriter<BoardChanged>,
    mut refused: MessageWriter<EditRefused>,
) {
    for request in requests.read() {
        if let Some(reason) = &open.read_only {
            refused.write(EditRefused { reason: reason.clone() });
            continue;
        }
        let at_ms = (mint.now_ms)();
        let step = match request.step {
            Step::New => StepId((mint.id)()),
            Step::Part(step) => step,
        };
        let outcome = match &request.request {
            Request::Edit(edit) => {
                let meta = open.meta(edit, request.origin, step, at_ms, selection.ids());
                open.apply((**edit).clone(), meta).map(|made| made.map(|t| (t, None)))
            }
            Request::Undo => {
                open.step_back(true, step, at_ms).map(|m| m.map(|(t, r)| (t, Some(r))))
            }
            Request::Redo => {
                open.step_back(false, step, at_ms).map(|m| m.map(|(t, r)| (t, Some(r))))
            }
        };
        match outcome {
            Ok(Some((transaction, report))) => {
                if let Some(report) = report {
                    selection.set(
                        report.selection.into_iter().filter(|id| open.board().note(*id).is_some()),
                    );
                }
                selection.forget_missing(open.board());
                changed.write(BoardChanged { transaction: Arc::new(transaction) });
            }
            Ok(None) => {}
            Err(error) => {
                refused.write(EditRefused { reason: error.to_string() });
            }
        }
    }
}
