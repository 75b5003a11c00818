//! What a work was made from: every run from the first source to it.

use std::collections::{BTreeSet, HashSet};

use crate::{Board, NoteId, Run, TwineRole};

/// The thread of making.
#[derive(Debug, Clone, PartialEq)]
pub struct Lineage<'b> {
    /// Runs with the note each became, first sources first, the work's own run last.
    pub runs: Vec<(NoteId, &'b Run)>,
    /// Agents that took part, in the order of their first run.
    pub agents: Vec<NoteId>,
    /// Notes the work was made from directly.
    pub sources: Vec<NoteId>,
}

/// The thread of making of a note. A plain note has an empty one.
#[must_use]
pub fn lineage(board: &Board, note: NoteId) -> Lineage<'_> {
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    // Depth first without recursion: a chain may be as long as the board.
    let mut stack = vec![(note, false)];
    while let Some((id, ready)) = stack.pop() {
        if ready {
            order.push(id);
            continue;
        }
        if !seen.insert(id) {
            continue;
        }
        stack.push((id, true));
        for source in sources_of(board, id).into_iter().rev() {
            stack.push((source, false));
        }
    }
    let runs: Vec<(NoteId, &Run)> = order
        .into_iter()
        .filter_map(|id| {
            let run = board.note(id)?.kind.work()?.run()?;
            Some((id, board.run(run)?))
        })
        .collect();
    let mut agents = Vec::new();
    for (_, run) in &runs {
        if !agents.contains(&run.agent) {
            agents.push(run.agent);
        }
    }
    Lineage { runs, agents, sources: sources_of(board, note) }
}

fn sources_of(board: &Board, note: NoteId) -> Vec<NoteId> {
    let mut sources: Vec<(crate::TwineId, NoteId)> = board
        .twines_of(note)
        .filter(|t| t.to == note && t.role == TwineRole::MadeFrom)
        .map(|t| (t.id, t.from))
        .collect();
    sources.sort_unstable();
    sources.into_iter().map(|(_, from)| from).collect()
}

/// A note with all its ancestors and descendants along every kind of string.
#[must_use]
pub fn relatives(board: &Board, note: NoteId) -> BTreeSet<NoteId> {
    let mut all = BTreeSet::from([note]);
    for upstream in [true, false] {
        let mut stack = vec![note];
        let mut seen = HashSet::from([note]);
        while let Some(id) = stack.pop() {
            for twine in board.twines_of(id) {
                let next = if upstream && twine.to == id {
                    twine.from
                } else if !upstream && twine.from == id {
                    twine.to
                } else {
                    continue;
                };
                if seen.insert(next) {
                    all.insert(next);
                    stack.push(next);
                }
            }
        }
    }
    all
}
