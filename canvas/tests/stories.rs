//! The canvas without a window: edits travel as messages, and the mirror kept up step by step
//! equals one built from scratch.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bevy::prelude::*;
use oto_board::{Board, Edit, History, Note, NoteId, NoteKind, Twine, TwineId, TwineRole};
use oto_canvas::*;
use proptest::prelude::*;

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
        // Pictures come from outside.
        (a.thumb, b.thumb) = (0, 0);
        assert_eq!((a, at), (b, bt), "the mirror differs for {}", note.id);
    }
    for slot in 0..open.board().twine_slot_count() {
        if open.board().twine_at(slot).is_some() {
            assert_eq!(kept.twine_record(slot), fresh.twine_record(slot), "string {slot}");
        }
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

/// A random edit of a small board; `dice` are any numbers.
fn random_edit(board: &Board, next: &mut u128, dice: [u32; 4]) -> EditRequest {
    let ids: Vec<NoteId> = board.notes().map(|n| n.id).collect();
    let pick = |d: u32| ids[d as usize % ids.len()];
    let far = f64::from(dice[2] % 20_000) * 3.0 - 30_000.0;
    *next += 10;
    if ids.len() < 2 {
        let notes = vec![note(*next, far), note(*next + 1, far + 300.0)];
        return EditRequest::user(Edit::AddNotes { notes, twines: vec![] });
    }
    let (a, b) = (pick(dice[1]), pick(dice[3]));
    match dice[0] % 9 {
        0 => {
            let notes = vec![Note { size: [80.0, 900.0], ..note(*next, far) }];
            let twines = vec![twine(*next + 1, *next, a.0)];
            EditRequest::user(Edit::AddNotes { notes, twines })
        }
        1 if a != b => EditRequest::user(Edit::TieTwines { twines: vec![twine(*next, a.0, b.0)] }),
        2 => EditRequest::user(Edit::RemoveNotes { ids: vec![a] }),
        3 => EditRequest::user(Edit::RaiseNotes { ids: vec![a] }),
        4 => EditRequest::user(Edit::SetColor { ids: vec![a], color: (dice[2] % 7) as u8 }),
        5 => EditRequest::history(Request::Undo),
        6 => EditRequest::history(Request::Redo),
        _ => EditRequest::user(Edit::MoveNotes { ids: vec![a, b], by: [far, -far * 0.3] }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn after_any_edits_the_mirror_equals_a_new_one_and_hits_equal_brute_force(
        steps in proptest::collection::vec(proptest::array::uniform4(0u32..1_000_000), 1..40),
        points in proptest::collection::vec((-31_000.0..31_000f64, -16_000.0..16_000f64), 12),
    ) {
        let mut app = desk();
        let mut next = 1_000;
        for dice in steps {
            let request =
                random_edit(app.world().resource::<OpenBoard>().board(), &mut next, dice);
            ask(&mut app, request);
        }
        let board = app.world().resource::<OpenBoard>().board();
        let on_things = board.notes().flat_map(|n| [n.center, n.pin()]);
        let on_strings = board.twines().filter_map(|t| {
            let slot = board.twine_slot(t.id)?;
            Some(board.twine_curve(slot)?.at(0.37))
        });
        let points = points.into_iter().map(|(x, y)| [x, y]).chain(on_things).chain(on_strings);
        for p in points.collect::<Vec<_>>() {
            prop_assert_eq!(hit_at(board, p, 6.0), brute_force(board, p, 6.0));
        }
    }
}

/// What lies under a point, by looking at everything.
fn brute_force(board: &Board, p: [f64; 2], reach: f64) -> Option<Hit> {
    use oto_board::geom::{PIN_RADIUS, TwineCurve, distance_to_curve, hits_note, in_pin_band};
    let note = board.notes().filter(|n| hits_note(n, p)).max_by_key(|n| (n.rank, n.id));
    if let Some(note) = note {
        let pin = note.pin();
        if (pin[0] - p[0]).hypot(pin[1] - p[1]) <= PIN_RADIUS + reach * 0.5 {
            return Some(Hit::Pin(note.id));
        }
    }
    let shown = |t: &&Twine| {
        note.is_none_or(|n| {
            (n.id == t.from || n.id == t.to) && in_pin_band(n.center, n.size, n.tilt_deg, p)
        })
    };
    let away = |t: &Twine| {
        let (a, b) = (board.note(t.from).unwrap().pin(), board.note(t.to).unwrap().pin());
        distance_to_curve(&TwineCurve::between(a, b), p).0
    };
    let near = board.twines().filter(shown).map(|t| (away(t), t.id)).filter(|(d, _)| *d <= reach);
    let best = near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    best.map(|(_, id)| Hit::Twine(id)).or(note.map(|n| Hit::Note(n.id)))
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
