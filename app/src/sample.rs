//! The wall of a first start, which is the tutorial: real agents and notes, and two works that are
//! made while one looks.

use oto_board::{Agent, Board, Edit, JobId, Note, NoteId, NoteKind, Recipe, WorkKind};

use crate::making::{TRAY, begin, new_agent, new_plain};
use crate::mint;
use crate::words::Words;

/// Edits that fill an empty board, in order. Each sees what the ones before it did, so it is made
/// when its turn comes.
type Make = fn(&Board, &Words) -> Option<Edit>;

/// The steps of the sample wall.
pub(crate) const STEPS: &[Make] = &[agents, notes, first_text, first_picture];

const PLACES: [[f64; 2]; 4] = [[-560.0, 40.0], [-560.0, -300.0], [-560.0, 380.0], [60.0, 400.0]];

fn agents(board: &Board, words: &Words) -> Option<Edit> {
    let prompts = ["sample-writer", "sample-painter", "", ""];
    let mut notes = Vec::new();
    for (index, tray) in TRAY.iter().enumerate() {
        let mut note = new_agent(board, tray, PLACES[index]);
        note.center = PLACES[index];
        note.rank = index as u32 + 1;
        if let NoteKind::Agent(agent) = &mut note.kind
            && !prompts[index].is_empty()
        {
            agent.prompt = words.get(prompts[index]);
        }
        notes.push(note);
    }
    Some(Edit::AddNotes { notes, twines: Vec::new() })
}

fn notes(board: &Board, words: &Words) -> Option<Edit> {
    let told = [
        ("sample-welcome", 4, [470.0, -320.0]),
        ("sample-tie", 6, [480.0, 20.0]),
        ("sample-film", 5, [470.0, 370.0]),
    ];
    let notes = told
        .iter()
        .enumerate()
        .map(|(i, (key, color, at))| Note {
            center: *at,
            rank: 10 + i as u32,
            ..new_plain(board, &words.get(key), *color, *at)
        })
        .collect();
    Some(Edit::AddNotes { notes, twines: Vec::new() })
}

fn work_of(board: &Board, makes: WorkKind, at: [f64; 2]) -> Option<Edit> {
    let is_it = |n: &&Note| n.kind.agent().is_some_and(|a| a.makes == makes);
    let agent_note = board.notes().find(is_it)?;
    let recipe = recipe_of(agent_note.id, agent_note.kind.agent()?, Vec::new(), 28);
    let (_, edit) = begin(board, recipe, makes, JobId(mint::id()));
    let Edit::BeginWork { mut note, twines } = edit else { return None };
    note.center = at;
    Some(Edit::BeginWork { note, twines })
}

fn first_text(board: &Board, _: &Words) -> Option<Edit> {
    work_of(board, WorkKind::Text, [-170.0, 70.0])
}

fn first_picture(board: &Board, _: &Words) -> Option<Edit> {
    work_of(board, WorkKind::Image, [-60.0, -270.0])
}

/// What an agent would make as it stands.
pub(crate) fn recipe_of(id: NoteId, agent: &Agent, sources: Vec<NoteId>, seed: u64) -> Recipe {
    Recipe {
        agent: id,
        engine: agent.engine.clone(),
        model: agent.model.clone(),
        prompt: agent.prompt.clone(),
        seed,
        params: agent.params.clone(),
        sources,
    }
}
