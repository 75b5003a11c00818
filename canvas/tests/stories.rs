//! The canvas without a window: edits travel as messages, and the mirror kept up step by step
//! equals one built from scratch.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy::prelude::*;
use oto_board::{Board, Edit, History, Note, NoteId, NoteKind, Twine, TwineId, TwineRole};
use oto_canvas::*;

fn palette() -> Palette {
    let ink = Ink { paper: [0; 3], gold: [0; 3], faint: [0; 3], failed: [0; 3] };
    Palette { gpu: PaletteRecord::default(), ink, dark: false }
}

fn desk() -> App {
    let counter = AtomicU64::new(1 << 40);
    let mint = Mint {
        id: Arc::new(move || u128::from(counter.fetch_add(1, Ordering::Relaxed))),
        now_ms: Arc::new(|| 7),
    };
    let mut app = App::new();
    app.add_plugins(MinimalPlugins)
        .add_message::<bevy::window::RequestRedraw>()
        .add_plugins(CanvasPlugin { fonts: &[], palette: palette(), mint, wake: Arc::new(|| {}) });
    app.world_mut().resource_mut::<OpenBoard>().put(Board::new(), History::default());
    app.update();
    app
}

fn note(id: u128, x: f64) -> Note {
    Note {
        id: NoteId(id),
        kind: NoteKind::Plain,
        center: [x, -x * 0.5],
        size: [200.0 + id as f64 * 37.0, 200.0],
        tilt_deg: 1.0,
        rank: id as u32,
        color: 2,
        title: String::new(),
        text: "hello".into(),
        starred: false,
        created_at_ms: 0,
    }
}

fn twine(id: u128, from: u128, to: u128) -> Twine {
    Twine {
        id: TwineId(id),
        from: NoteId(from),
        to: NoteId(to),
        role: TwineRole::Reference,
        agent: None,
        color: 3,
        label: String::new(),
    }
}

fn ask(app: &mut App, request: EditRequest) {
    app.world_mut().write_message(request);
    app.update();
    let open = app.world().resource::<OpenBoard>();
    let (kept, fresh) = (app.world().resource::<Mirror>(), Mirror::from_scratch(open));
    for note in open.board().notes() {
        let (a, b) = (kept.note_record(open, note.id), fresh.note_record(open, note.id));
        let ((mut a, at), (mut b, bt)) = (a.unwrap(), b.unwrap());
        // Marks are no part of the board.
        (a.page_flags, b.page_flags) = (0, 0);
        assert_eq!((a, at), (b, bt), "the mirror differs for {}", note.id);
    }
    assert!(oto_board::validate::validate(open.board()).is_empty());
}

#[test]
fn the_mirror_follows_every_step_and_no_note_is_an_entity() {
    let mut app = desk();
    let entities = app.world().entities().len();
    let notes: Vec<Note> = (1..=40).map(|i| note(i, i as f64 * 5_000.0)).collect();
    ask(
        &mut app,
        EditRequest::user(Edit::AddNotes {
            notes,
            twines: vec![twine(900, 1, 2), twine(901, 2, 3)],
        }),
    );
    assert_eq!(app.world().entities().len(), entities);
    ask(
        &mut app,
        EditRequest::user(Edit::MoveNotes { ids: vec![NoteId(1), NoteId(7)], by: [1e6, -3.5] }),
    );
    ask(&mut app, EditRequest::user(Edit::RaiseNotes { ids: vec![NoteId(3)] }));
    ask(&mut app, EditRequest::user(Edit::RemoveNotes { ids: vec![NoteId(2)] }));
    ask(
        &mut app,
        EditRequest::user(Edit::AddNotes { notes: vec![note(99, 12.0)], twines: vec![] }),
    );
    for _ in 0..5 {
        ask(&mut app, EditRequest::history(Request::Undo));
    }
    assert_eq!(app.world().resource::<OpenBoard>().board().n_notes(), 0);
    for _ in 0..5 {
        ask(&mut app, EditRequest::history(Request::Redo));
    }
    let open = app.world().resource::<OpenBoard>();
    assert_eq!((open.board().n_notes(), open.board().n_twines()), (40, 0));
}

#[test]
fn a_refused_edit_is_told_and_changes_nothing() {
    let mut app = desk();
    ask(&mut app, EditRequest::user(Edit::RemoveNotes { ids: vec![NoteId(5)] }));
    let told: Vec<EditRefused> =
        app.world_mut().resource_mut::<Messages<EditRefused>>().drain().collect();
    assert_eq!(told.len(), 1);
    app.world_mut().resource_mut::<OpenBoard>().read_only = Some("the disk is full".into());
    ask(&mut app, EditRequest::user(Edit::AddNotes { notes: vec![note(1, 0.0)], twines: vec![] }));
    assert_eq!(app.world().resource::<OpenBoard>().board().n_notes(), 0);
}

#[test]
fn strings_are_hit_where_they_show_and_nowhere_else() {
    let mut app = desk();
    let mut over = note(3, 0.0);
    over.center = [400.0, 70.0];
    let flat = |id: u128, x: f64| Note {
        center: [x, 0.0],
        size: [200.0, 200.0],
        tilt_deg: 0.0,
        ..note(id, 0.0)
    };
    let notes = vec![flat(1, 0.0), flat(2, 1_000.0), Note { size: [120.0, 300.0], ..over }];
    ask(&mut app, EditRequest::user(Edit::AddNotes { notes, twines: vec![twine(9, 1, 2)] }));
    let board = app.world().resource::<OpenBoard>().board();
    let curve = oto_board::geom::TwineCurve::between([0.0, -86.0], [1_000.0, -86.0]);
    let at = |t: f64| hit_at(board, curve.at(t), 4.0);
    assert_eq!(at(0.7), Some(Hit::Twine(TwineId(9))));
    assert_eq!(
        at(0.4),
        Some(Hit::Note(NoteId(3))),
        "a string under a note it crosses cannot be hit"
    );
    assert_eq!(at(0.0), Some(Hit::Pin(NoteId(1))));
    assert_eq!(at(0.05), Some(Hit::Note(NoteId(1))), "below the pin's band its own note hides it");
    assert_eq!(hit_at(board, [500.0, 900.0], 4.0), None);
}
