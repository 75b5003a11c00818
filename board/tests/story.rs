//! Stories of edits: after every step the board is sound, and undo brings every step back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use oto_board::edit::Edit;
use oto_board::geom::Rect;
use oto_board::placement::place_beside;
use oto_board::query::{lineage, search};
use oto_board::validate::{replay, validate};
use oto_board::*;
use proptest::prelude::*;

fn note(id: u128, x: f64, y: f64) -> Note {
    Note {
        id: NoteId(id),
        kind: NoteKind::Plain,
        center: [x, y],
        size: [200.0, 200.0],
        tilt_deg: Note::tilt_of(NoteId(id)),
        rank: id as u32,
        color: 0,
        title: String::new(),
        text: format!("note {id}"),
        starred: false,
        created_at_ms: id as i64,
    }
}

fn twine(id: u128, from: u128, to: u128) -> Twine {
    Twine {
        id: TwineId(id),
        from: NoteId(from),
        to: NoteId(to),
        role: TwineRole::MadeFrom,
        agent: None,
        color: 0,
        label: String::new(),
    }
}

struct Desk {
    board: Board,
    history: History,
    journal: Vec<Transaction>,
    steps: u128,
}

impl Desk {
    fn new() -> Self {
        Self { board: Board::new(), history: History::default(), journal: Vec::new(), steps: 0 }
    }
    fn apply(&mut self, edit: Edit, origin: Origin) -> Result<(), EditError> {
        self.steps += 1;
        let meta = TxMeta {
            op: edit.op(),
            origin,
            step: StepId(self.steps),
            at_ms: 0,
            selection_hint: vec![],
        };
        let made = self.board.transact(meta, |tx| edit.apply(tx))?;
        if let Some(transaction) = made {
            self.history.record(&transaction);
            self.journal.push(transaction);
        }
        assert_eq!(validate(&self.board), Vec::<String>::new());
        Ok(())
    }
    fn undo(&mut self) -> Option<UndoReport> {
        self.steps += 1;
        let made = self.history.undo(&mut self.board, StepId(self.steps), 0).unwrap()?;
        self.journal.push(made.0);
        assert_eq!(validate(&self.board), Vec::<String>::new());
        Some(made.1)
    }
    fn redo(&mut self) -> Option<UndoReport> {
        self.steps += 1;
        let made = self.history.redo(&mut self.board, StepId(self.steps), 0).unwrap()?;
        self.journal.push(made.0);
        assert_eq!(validate(&self.board), Vec::<String>::new());
        Some(made.1)
    }
    fn state(&self) -> (Vec<Note>, Vec<Twine>) {
        let mut notes: Vec<Note> = self.board.notes().cloned().collect();
        notes.sort_by_key(|n| n.id);
        let mut twines: Vec<Twine> = self.board.twines().cloned().collect();
        twines.sort_by_key(|t| t.id);
        (notes, twines)
    }
}

fn making(id: u128, job: u128) -> Note {
    let recipe = Recipe {
        agent: NoteId(1),
        engine: "e".into(),
        model: String::new(),
        prompt: "a tram".into(),
        seed: 7,
        params: vec![],
        sources: vec![],
    };
    let state = WorkState::Making { home: "embedded".into(), job: JobId(job) };
    Note {
        kind: NoteKind::Work(Box::new(Work { kind: WorkKind::Image, recipe, state })),
        ..note(id, 500.0, 0.0)
    }
}

fn run(id: u128, job: u128) -> (Run, AssetInfo) {
    let asset = AssetInfo {
        id: AssetId([id as u8; 32]),
        mime: "image/png".into(),
        size_bytes: 9,
        size_px: [3, 3],
        duration_ms: 0,
        average_rgb: 0,
    };
    let run = Run {
        id: RunId(id),
        job: JobId(job),
        agent: NoteId(1),
        agent_name: "Painter".into(),
        engine: "e".into(),
        model: String::new(),
        prompt: "a tram".into(),
        seed: 7,
        params: vec![],
        inputs: vec![],
        outputs: vec![RunOutput { role: OutputRole::Main, asset: asset.id }],
        cost_micro: Some(0),
        draft: true,
        label: "Local draft".into(),
        started_at_ms: 0,
        finished_at_ms: 1,
    };
    (run, asset)
}

#[test]
fn removing_a_note_takes_its_strings_and_undo_brings_both_back() {
    let mut desk = Desk::new();
    let notes = vec![note(1, 0.0, 0.0), note(2, 300.0, 0.0)];
    desk.apply(Edit::AddNotes { notes, twines: vec![twine(9, 1, 2)] }, Origin::User).unwrap();
    let before = desk.state();
    desk.apply(Edit::RemoveNotes { ids: vec![NoteId(1)] }, Origin::User).unwrap();
    assert_eq!(desk.board.n_twines(), 0);
    desk.undo().unwrap();
    assert_eq!(desk.state(), before);
    desk.redo().unwrap();
    assert_eq!(desk.board.n_notes(), 1);
}

#[test]
fn an_edit_that_fails_half_way_leaves_nothing() {
    let mut desk = Desk::new();
    desk.apply(Edit::AddNotes { notes: vec![note(1, 0.0, 0.0)], twines: vec![] }, Origin::User)
        .unwrap();
    let before = desk.state();
    let bad = vec![note(2, 5.0, 5.0), note(3, f64::NAN, 0.0)];
    let refused = desk.apply(Edit::AddNotes { notes: bad, twines: vec![] }, Origin::User);
    assert_eq!(refused, Err(EditError::NotDrawable));
    assert_eq!(desk.state(), before);
    assert_eq!(desk.board.seq(), 1);
}

#[test]
fn undo_leaves_alone_what_a_job_changed_since() {
    let mut desk = Desk::new();
    desk.apply(Edit::AddNotes { notes: vec![note(1, 0.0, 0.0)], twines: vec![] }, Origin::User)
        .unwrap();
    desk.apply(Edit::BeginWork { note: making(2, 77), twines: vec![twine(3, 1, 2)] }, Origin::User)
        .unwrap();
    let text =
        |text: &str| Edit::WriteText { id: NoteId(2), title: text.into(), text: String::new() };
    desk.apply(text("mine"), Origin::User).unwrap();
    let (run, asset) = run(5, 77);
    let finish = Edit::FinishWork {
        id: NoteId(2),
        run,
        assets: vec![asset],
        title: "made".into(),
        text: String::new(),
        size: None,
    };
    desk.apply(finish.clone(), Origin::Job).unwrap();
    let report = desk.undo().unwrap();
    assert_eq!(report.left_alone, vec![NoteId(2)]);
    assert_eq!(desk.board.note(NoteId(2)).unwrap().title, "made");
    // The result delivered again counts once, and undoing the start keeps the run.
    desk.apply(finish, Origin::Job).unwrap();
    assert_eq!(desk.board.runs().len(), 1);
    desk.undo().unwrap();
    assert!(desk.board.note(NoteId(2)).is_none());
    assert_eq!(desk.board.runs().len(), 1);
    desk.redo().unwrap();
    assert!(desk.board.note(NoteId(2)).unwrap().kind.work().unwrap().asset().is_some());
}

#[test]
fn a_job_may_not_empty_the_board() {
    let mut desk = Desk::new();
    let notes: Vec<Note> = (1..=40).map(|i| note(i, i as f64 * 300.0, 0.0)).collect();
    desk.apply(Edit::AddNotes { notes, twines: vec![] }, Origin::User).unwrap();
    let ids = (1..=30).map(NoteId).collect();
    let refused = desk.apply(Edit::RemoveNotes { ids }, Origin::Remote);
    assert_eq!(refused, Err(EditError::WouldEmptyBoard { removed: 30, live: 40 }));
    assert_eq!(desk.board.n_notes(), 40);
}

#[test]
fn works_grow_on_all_sides_and_never_overlap() {
    let mut desk = Desk::new();
    desk.apply(Edit::AddNotes { notes: vec![note(1, 0.0, 0.0)], twines: vec![] }, Origin::User)
        .unwrap();
    for i in 2..60u128 {
        let id = NoteId(i * 0x9e37_79b9);
        let center = place_beside(&desk.board, NoteId(1), [200.0, 200.0], id);
        let rect = Rect::from_center_size(center, [200.0, 200.0]);
        assert!(desk.board.notes_in(rect).is_empty(), "work {i} overlaps");
        let new = Note { id, center, ..note(i, 0.0, 0.0) };
        let edit = Edit::AddNotes { notes: vec![new], twines: vec![twine(1000 + i, 1, id.0)] };
        desk.apply(edit, Origin::User).unwrap();
    }
    let side = |f: fn(&Note) -> bool| desk.board.notes().filter(|n| f(n)).count();
    for count in [
        side(|n| n.center[0] > 50.0),
        side(|n| n.center[0] < -50.0),
        side(|n| n.center[1] > 50.0),
        side(|n| n.center[1] < -50.0),
    ] {
        assert!(count >= 14, "one side has only {count} of 58");
    }
}

#[test]
fn lineage_walks_from_the_first_source_to_the_work() {
    let mut desk = Desk::new();
    desk.apply(Edit::AddNotes { notes: vec![note(1, 0.0, 0.0)], twines: vec![] }, Origin::User)
        .unwrap();
    for (id, job, from) in [(2u128, 20u128, None), (3, 30, Some(2u128)), (4, 40, Some(3))] {
        let twines = from.map(|f| twine(100 + id, f, id)).into_iter().collect();
        desk.apply(Edit::BeginWork { note: making(id, job), twines }, Origin::User).unwrap();
        let (run, asset) = run(id, job);
        let (title, text) = (String::new(), String::new());
        desk.apply(
            Edit::FinishWork { id: NoteId(id), run, assets: vec![asset], title, text, size: None },
            Origin::Job,
        )
        .unwrap();
    }
    let thread = lineage(&desk.board, NoteId(4));
    let order: Vec<u128> = thread.runs.iter().map(|(n, _)| n.0).collect();
    assert_eq!(order, [2, 3, 4]);
    assert_eq!(thread.sources, [NoteId(3)]);
    assert_eq!(search(&desk.board, "TRAM").len(), 3);
}

#[derive(Debug, Clone)]
enum Act {
    Add(u8, i16, i16),
    Move(u8, i16),
    Remove(u8),
    Raise(u8),
    Write(u8, u8),
    Tie(u8, u8),
    Undo,
    Redo,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (any::<u8>(), any::<i16>(), any::<i16>()).prop_map(|(i, x, y)| Act::Add(i % 12, x, y)),
        (any::<u8>(), any::<i16>()).prop_map(|(i, d)| Act::Move(i % 12, d)),
        any::<u8>().prop_map(|i| Act::Remove(i % 12)),
        any::<u8>().prop_map(|i| Act::Raise(i % 12)),
        (any::<u8>(), any::<u8>()).prop_map(|(i, t)| Act::Write(i % 12, t)),
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Act::Tie(a % 12, b % 12)),
        Just(Act::Undo),
        Just(Act::Redo),
    ]
}

proptest! {
    #[test]
    fn any_story_can_be_undone_to_nothing_and_replayed(acts in proptest::collection::vec(act(), 1..60)) {
        let mut desk = Desk::new();
        let mut serial = 0u128;
        for act in acts {
            let id = |i: u8| NoteId(u128::from(i) + 1);
            let edit = match act {
                Act::Add(i, x, y) => Edit::AddNotes { notes: vec![note(u128::from(i) + 1, f64::from(x), f64::from(y))], twines: vec![] },
                Act::Move(i, d) => Edit::MoveNotes { ids: vec![id(i)], by: [f64::from(d), 1.0] },
                Act::Remove(i) => Edit::RemoveNotes { ids: vec![id(i)] },
                Act::Raise(i) => Edit::RaiseNotes { ids: vec![id(i)] },
                Act::Write(i, t) => Edit::WriteText { id: id(i), title: String::new(), text: t.to_string() },
                Act::Tie(a, b) => { serial += 1; Edit::TieTwines { twines: vec![twine(1000 + serial, u128::from(a) + 1, u128::from(b) + 1)] } }
                Act::Undo => { desk.undo(); continue }
                Act::Redo => { desk.redo(); continue }
            };
            let before = desk.state();
            if desk.apply(edit, Origin::User).is_err() {
                prop_assert_eq!(desk.state(), before);
            }
        }
        let end = desk.state();
        let mut replayed = Board::new();
        for transaction in &desk.journal {
            replay(&mut replayed, transaction).unwrap();
        }
        let mut history = History::default();
        desk.journal.iter().for_each(|t| history.record(t));
        let mut again = Desk { board: replayed, history, journal: vec![], steps: 1 << 40 };
        prop_assert_eq!(&again.state(), &end);
        let mut undone = 0;
        while again.undo().is_some() { undone += 1; }
        prop_assert_eq!(again.board.n_notes(), 0);
        for _ in 0..undone { again.redo(); }
        prop_assert_eq!(&again.state(), &end);
    }
}
