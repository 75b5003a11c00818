//! What frames show, told by pictures and counts: every tier, state and theme looks as it was
//! agreed, tiles show what drawing anew shows, far from the origin nothing trembles, a lost device
//! comes back, and a frame costs what changed. `OTO_BLESS=1` writes the pictures anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::PathBuf;

use oto_board::query::NoteFilter;
use oto_board::{
    Agent, AssetId, AssetInfo, Board, BoardBuilder, Edit, JobId, Note, NoteId, NoteKind,
    OutputRole, Recipe, Run, RunId, RunInput, RunOutput, Twine, TwineId, TwineRole, Work, WorkKind,
    WorkState,
};
use oto_canvas::*;

const SIZE: [u32; 2] = [320, 200];
const FONTS: Fonts = &[
    ("Permanent Marker", include_bytes!("../../assets/fonts/PermanentMarker-Regular.ttf")),
    ("Caveat Brush", include_bytes!("../../assets/fonts/CaveatBrush-Regular.ttf")),
    ("Caveat", include_bytes!("../../assets/fonts/Caveat-Regular.ttf")),
];

fn palette(dark: bool) -> Palette {
    let rgb = |hex: u32, a: f32| {
        [16, 8, 0].map(|s| ((hex >> s) & 255) as f32 / 255.0).into_iter().chain([a])
    };
    let color = |hex: u32, a: f32| {
        let mut out = [0.0; 4];
        out.iter_mut().zip(rgb(hex, a)).for_each(|(o, v)| *o = v);
        out
    };
    let papers = [0xfdf3b0, 0xfffdf6, 0xd9ecf5, 0xdff0d2, 0xf9d5dc, 0xe6dcf5, 0xfbe0c3, 0xfdf3b0];
    let mut twines = [color(0xe08a1e, 1.0); 16];
    for (slot, hex) in twines.iter_mut().zip([0xd6453d, 0x2f74cf, 0x3f9f54, 0x8d4fbd]) {
        *slot = color(hex, 1.0);
    }
    let gpu = PaletteRecord {
        wall: color(if dark { 0x2b2926 } else { 0xf4efe3 }, 1.0),
        fibre: color(if dark { 0x1c1a17 } else { 0x8a7a5c }, 1.0),
        gold: [0xf1c443, 0xffdf7a, 0xf8cf55, 0xe9b73a].map(|c| color(c, 1.0)),
        papers: papers.map(|c| color(c, 1.0)),
        twines,
        shadow: color(0x3b2a0c, 0.42),
        select: color(0x2f74cf, 1.0),
        failed: color(0xc8352f, 1.0),
        wave: color(0x2f6b3c, 1.0),
        ink: color(0x2d2a26, 0.34),
        ink_gold: color(0x4a3205, 0.34),
    };
    let ink = Ink {
        paper: [0x2d, 0x2a, 0x26],
        gold: [0x4a, 0x32, 0x05],
        faint: [0x7a, 0x71, 0x5f],
        failed: [0xa0, 0x20, 0x1c],
    };
    Palette { gpu, ink, dark }
}

fn note(id: u128, kind: NoteKind, center: [f64; 2], text: &str) -> Note {
    Note {
        id: NoteId(id << 64 | id),
        kind,
        center,
        size: [200.0; 2],
        tilt_deg: (id % 5) as f32 - 2.0,
        rank: id as u32,
        color: (id % 7) as u8,
        title: text.to_owned(),
        text: text.to_owned(),
        starred: false,
        created_at_ms: 0,
    }
}

const PICTURE: AssetId = AssetId([3; 32]);
const OTHER: AssetId = AssetId([4; 32]);

fn run(id: u128, asset: AssetId, inputs: Vec<RunInput>) -> Run {
    Run {
        id: RunId(id),
        job: JobId(id),
        agent: NoteId(0),
        agent_name: String::new(),
        engine: "test".into(),
        model: String::new(),
        prompt: String::new(),
        seed: 0,
        params: vec![],
        inputs,
        outputs: vec![RunOutput { role: OutputRole::Main, asset }],
        cost_micro: None,
        draft: true,
        label: String::new(),
        started_at_ms: 0,
        finished_at_ms: 0,
    }
}

fn work(kind: WorkKind, state: WorkState) -> NoteKind {
    let recipe = Recipe {
        agent: NoteId(1 << 64 | 1),
        engine: "test".into(),
        model: String::new(),
        prompt: String::new(),
        seed: 0,
        params: vec![],
        sources: vec![],
    };
    NoteKind::Work(Box::new(Work { kind, recipe, state }))
}

/// Every kind and state, at this place of the wall.
fn states(origin: [f64; 2]) -> Board {
    let mut builder = BoardBuilder::default();
    for id in [PICTURE, OTHER] {
        builder.asset(AssetInfo {
            id,
            mime: "image/png".into(),
            size_bytes: 1,
            size_px: [64, 64],
            duration_ms: 12_000,
            average_rgb: 0x6a_9f_d0,
        });
    }
    let stale = RunInput { note: NoteId(3 << 64 | 3), asset: Some(OTHER) };
    builder.run(run(50, PICTURE, vec![]));
    builder.run(run(51, PICTURE, vec![stale]));
    let agent = Agent {
        makes: WorkKind::Image,
        engine: "test".into(),
        model: String::new(),
        prompt: "a boat of paper on a quiet lake".into(),
        params: vec![],
        twine_color: 1,
    };
    let done = |id| WorkState::Done { asset: PICTURE, run: RunId(id) };
    let job = JobId(9);
    let kinds = [
        NoteKind::Agent(Box::new(agent)),
        NoteKind::Plain,
        work(WorkKind::Image, done(50)),
        work(WorkKind::Video, done(50)),
        work(WorkKind::Voice, done(50)),
        work(WorkKind::Text, done(51)),
        work(WorkKind::Image, WorkState::Making { home: "embedded".into(), job }),
        work(WorkKind::Image, WorkState::Failed { job, reason: "the engine said no".into() }),
        work(WorkKind::Image, WorkState::Canceled { job }),
        NoteKind::Frame,
    ];
    for (i, kind) in kinds.into_iter().enumerate() {
        let at = [(i % 5) as f64 * 250.0 - 500.0, (i / 5) as f64 * 260.0 - 130.0];
        let center = [origin[0] + at[0], origin[1] + at[1]];
        builder.note(note(i as u128 + 1, kind, center, "Words on paper"));
    }
    for (i, (from, to)) in [(1, 3), (1, 7), (3, 4), (2, 10), (6, 5)].into_iter().enumerate() {
        builder.twine(Twine {
            id: TwineId(i as u128),
            from: NoteId(from << 64 | from),
            to: NoteId(to << 64 | to),
            role: TwineRole::Reference,
            agent: None,
            color: i as u8,
            label: String::new(),
        });
    }
    let (board, left_out) = builder.finish(0);
    assert!(left_out.is_empty(), "{left_out:?}");
    board
}

/// `n` notes side by side, each tied to the next.
fn grid(n: u128) -> Board {
    let mut builder = BoardBuilder::default();
    let columns = (n as f64).sqrt().ceil() as u128;
    for i in 0..n {
        let at = [(i % columns) as f64 * 260.0, (i / columns) as f64 * 260.0];
        builder.note(note(i + 1, NoteKind::Plain, at, &format!("Post-it {i}")));
    }
    for i in 1..n {
        builder.twine(Twine {
            id: TwineId(i),
            from: NoteId(i << 64 | i),
            to: NoteId((i + 1) << 64 | (i + 1)),
            role: TwineRole::Reference,
            agent: None,
            color: 2,
            label: String::new(),
        });
    }
    builder.finish(0).0
}

fn checks(Wish { asset, .. }: Wish) -> Option<Thumb> {
    let pixel = |i: usize| {
        let on = (i % 16 / 4 + i / 16 / 4).is_multiple_of(2);
        if on { [230, 120, 40, 255] } else { [40, 90, 200, asset.0[0] * 40] }
    };
    Some(Thumb { width: 16, height: 16, rgba: (0..256).flat_map(pixel).collect() })
}

fn studio(board: Board, dark: bool, size: [u32; 2]) -> Studio {
    let mut studio = Studio::new(size, FONTS, palette(dark)).unwrap();
    studio.open(board);
    studio
}

fn shot(studio: &mut Studio, center: [f64; 2], zoom: f64, quality: Quality) -> Vec<u8> {
    studio.set_quality(quality);
    studio.look(center, zoom);
    studio.settle(&mut checks);
    studio.picture().unwrap()
}

/// Part of the pixels that differ by more than 8 of 255 in some channel.
fn differing(a: &[u8], b: &[u8]) -> f64 {
    let off = |(p, q): &(&[u8], &[u8])| p.iter().zip(*q).any(|(a, b)| a.abs_diff(*b) > 8);
    let n = a.chunks_exact(4).zip(b.chunks_exact(4)).filter(off).count();
    n as f64 / (a.len() / 4) as f64
}

fn assert_looks(name: &str, rgba: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/images/{name}.png"));
    let now = image::RgbaImage::from_raw(SIZE[0], SIZE[1], rgba.to_vec()).unwrap();
    if std::env::var_os("OTO_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        now.save(&path).unwrap();
    }
    let agreed = image::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let part = differing(agreed.to_rgba8().as_raw(), rgba);
    if part > 0.005 {
        let seen = std::env::temp_dir().join(format!("oto-{name}.png"));
        now.save(&seen).unwrap();
        panic!("{name}: {:.2} % of the pixels differ; see {}", part * 100.0, seen.display());
    }
}

#[test]
fn every_tier_and_state_looks_as_agreed_in_both_themes() {
    for (theme, dark) in [("light", false), ("dark", true)] {
        let mut s = studio(states([0.0; 2]), dark, SIZE);
        let mut making = MakingLooks::default();
        let look = MakingLook { progress: 0.6, message: "painting".into(), detail: "12 s".into() };
        making.0.insert(NoteId(7 << 64 | 7), look);
        s.set(making);
        for (tier, zoom, center) in [
            ("detail", 1.4, [-500.0, -130.0]),
            ("near", 0.55, [-250.0, 0.0]),
            ("middle", 0.25, [0.0; 2]),
            ("small", 0.07, [0.0; 2]),
            ("far", 0.02, [0.0; 2]),
        ] {
            let rgba = shot(&mut s, center, zoom, Quality::Tiles);
            assert_looks(&format!("{tier}-{theme}"), &rgba);
        }
        for (name, center) in [("works", [250.0, -130.0]), ("states", [-100.0, 130.0])] {
            let rgba = shot(&mut s, center, 0.62, Quality::Tiles);
            assert_looks(&format!("{name}-{theme}"), &rgba);
        }
        let mut selection = Selection::default();
        selection.set([NoteId(2 << 64 | 2)]);
        s.set(selection);
        s.set(Lit { filter: NoteFilter::Agents, only: None });
        let rgba = shot(&mut s, [-250.0, 0.0], 0.55, Quality::Tiles);
        assert_looks(&format!("dimmed-{theme}"), &rgba);
    }
}

#[test]
fn tiles_show_what_drawing_anew_shows_and_nothing_trembles_far_away() {
    for origin in [[0.0, 0.0], [1e9 + 0.25, -1e9]] {
        let mut s = studio(states(origin), false, [640, 400]);
        for zoom in [1.7, 1.0, 0.6, 0.31] {
            let tiles = shot(&mut s, origin, zoom, Quality::Tiles);
            let anew = shot(&mut s, origin, zoom, Quality::Full { snapped: true, thinned: false });
            let part = differing(&tiles, &anew);
            assert!(part < 0.004, "{origin:?} at {zoom}: {:.2} % differ", part * 100.0);
        }
    }
    // The same board here and there, at offsets that are whole pixels.
    let far = [1_048_576.0 * 1_024.0, -1_048_576.0 * 512.0];
    let mut near = studio(states([0.0; 2]), false, SIZE);
    let mut away = studio(states(far), false, SIZE);
    let a = shot(&mut near, [0.0; 2], 1.0, Quality::Full { snapped: true, thinned: false });
    let b = shot(&mut away, far, 1.0, Quality::Full { snapped: true, thinned: false });
    assert!(differing(&a, &b) < 0.001, "{:.2} %", differing(&a, &b) * 100.0);
}

#[test]
fn tiles_follow_every_kind_of_change() {
    let mut s = studio(states([0.0; 2]), false, [640, 400]);
    let (center, zoom) = ([-100.0, 0.0], 0.5);
    let mut before = shot(&mut s, center, zoom, Quality::Tiles);
    let second = NoteId(2 << 64 | 2);
    let words = |text: &str| {
        EditRequest::user(Edit::WriteText { id: second, title: text.into(), text: text.into() })
    };
    let steps = [
        EditRequest::user(Edit::RemoveNotes { ids: vec![second] }),
        EditRequest::history(Request::Undo),
        EditRequest::history(Request::Redo),
        EditRequest::history(Request::Undo),
        // As many letters: only the words differ.
        words("Wards on topper"),
        EditRequest::history(Request::Undo),
        EditRequest::user(Edit::SetColor { ids: vec![second], color: 4 }),
        EditRequest::user(Edit::MoveNotes { ids: vec![second], by: [30.0, 40.0] }),
        EditRequest::history(Request::Undo),
    ];
    for (i, step) in steps.into_iter().enumerate() {
        s.send(step);
        s.step();
        let tiles = shot(&mut s, center, zoom, Quality::Tiles);
        let anew = shot(&mut s, center, zoom, Quality::Full { snapped: true, thinned: false });
        let part = differing(&tiles, &anew);
        assert!(part < 0.004, "step {i}: {:.2} % differ", part * 100.0);
        assert!(differing(&tiles, &before) > 0.0004, "step {i} does not show");
        before = tiles;
    }
    for lit in [Lit { filter: NoteFilter::Agents, only: None }, Lit::default()] {
        s.set(lit);
        let tiles = shot(&mut s, center, zoom, Quality::Tiles);
        let anew = shot(&mut s, center, zoom, Quality::Full { snapped: true, thinned: false });
        assert!(differing(&tiles, &anew) < 0.004 && differing(&tiles, &before) > 0.01);
        before = tiles;
    }
}

#[test]
fn a_still_of_a_large_board_shows_its_notes() {
    let mut s = studio(grid(40_000), true, SIZE);
    let middle = [26_000.0, 26_000.0];
    for zoom in [0.03, 0.01, 0.003] {
        let rgba = shot(&mut s, middle, zoom, Quality::Full { snapped: true, thinned: false });
        let at = ((SIZE[1] / 2) * SIZE[0] + SIZE[0] / 2) as usize * 4;
        let around =
            |i: usize| rgba[at + i * 4..].iter().take(3).map(|v| u32::from(*v)).sum::<u32>();
        // Cream on dark paper: far lighter than the wall, whatever the zoom.
        let light = (0..40).map(around).max().unwrap();
        assert!(light > 250, "at {zoom} the lightest is {light}");
    }
}

/// Notes in a square with strings from every one across all of it, and a large note in the middle.
fn tangle() -> Board {
    let mut builder = BoardBuilder::default();
    let n = 100u128;
    let id = |i: u128| NoteId((i + 1) << 64 | (i + 1));
    for i in 0..n {
        let at = [(i % 10) as f64 * 260.0, (i / 10) as f64 * 260.0];
        builder.note(note(i + 1, NoteKind::Plain, at, ""));
    }
    let mut large = note(n + 1, NoteKind::Plain, [1_170.0; 2], "");
    large.size = [1_000.0; 2];
    builder.note(large);
    for i in 0..3 * n {
        builder.twine(Twine {
            id: TwineId(i + 1),
            from: id(i % n),
            to: id((i * 37 + 11) % n),
            role: TwineRole::Reference,
            agent: None,
            color: (i % 5) as u8,
            label: String::new(),
        });
    }
    builder.finish(0).0
}

#[test]
fn thin_strings_pass_under_notes_at_every_size() {
    let mut s = studio(tangle(), false, [640, 400]);
    let mut bare = studio(grid(100), false, [640, 400]);
    let full = Quality::Full { snapped: true, thinned: false };
    let left = [300.0, 1_170.0];
    for zoom in [0.34, 0.25] {
        let tiles = shot(&mut s, left, zoom, Quality::Tiles);
        let anew = shot(&mut s, left, zoom, full);
        let part = differing(&tiles, &anew);
        let strings = differing(&shot(&mut bare, left, zoom, full), &anew);
        // Lines are not triangles: edges of strings may differ, strings may not.
        assert!(part < strings / 4.0 && strings > 0.1, "{zoom}: {part:.4} of {strings:.4}");
    }
    for zoom in [0.3, 0.12, 0.06, 0.03] {
        let rgba = shot(&mut s, [1_170.0; 2], zoom, Quality::Tiles);
        // Nothing shows through the lower half of the large note: no pin, no words.
        let edge = (300.0 * zoom) as usize;
        let (mut low, mut high) = ([255u8; 3], [0u8; 3]);
        for y in 202..202 + edge / 2 {
            for x in 320 - edge / 2..320 + edge / 2 {
                for c in 0..3 {
                    let v = rgba[(y * 640 + x) * 4 + c];
                    (low[c], high[c]) = (low[c].min(v), high[c].max(v));
                }
            }
        }
        let spread = (0..3).map(|c| high[c].saturating_sub(low[c])).max().unwrap();
        assert!(spread < 24, "{zoom}: {low:?} to {high:?}");
    }
}

#[test]
fn a_frame_costs_what_changed() {
    let mut s = studio(grid(10_000), false, [1280, 800]);
    let middle = [13_000.0, 13_000.0];
    shot(&mut s, middle, 1.0, Quality::Tiles);
    let counters = s.counters();
    // What lies ahead of the view is drawn once its words are there.
    (0..40).for_each(|_| s.step());
    // At rest nothing is drawn anew and next to nothing sent.
    let before = counters.now();
    (0..10).for_each(|_| s.step());
    let now = counters.now();
    assert_eq!(now.tiles_baked, before.tiles_baked);
    assert!(now.uploaded_bytes - before.uploaded_bytes < 10 * 2_048, "{now:?}");
    assert!(now.draws - before.draws <= 10 * 12);
    // One note moved: its own record, its strings, and the tiles it touches.
    let note = s.board().nearest(middle).unwrap().id;
    let before = counters.now();
    s.send(EditRequest::user(Edit::MoveNotes { ids: vec![note], by: [20.0, 0.0] }));
    s.step();
    let now = counters.now();
    assert!((1..=8).contains(&(now.tiles_baked - before.tiles_baked)), "{before:?} {now:?}");
    assert!(now.uploaded_bytes - before.uploaded_bytes < 24 * 1_024, "{before:?} {now:?}");
    // A pan of a whole screen draws about a screen of tiles.
    let before = counters.now();
    for i in 1..=16 {
        s.look([middle[0] + f64::from(i) * 80.0, middle[1]], 1.0);
        s.step();
    }
    let tiles = counters.now().tiles_baked - before.tiles_baked;
    assert!((4..=24).contains(&tiles), "{tiles} tiles");
}

#[test]
fn a_lost_device_comes_back_with_the_same_picture() {
    let mut s = studio(states([0.0; 2]), false, SIZE);
    let before = shot(&mut s, [-500.0, -130.0], 1.4, Quality::Tiles);
    s.lose_device();
    let devices = s.counters().device();
    for _ in 0..200 {
        s.step();
        if s.counters().device() > devices {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(s.counters().device(), devices + 1, "there is no new device");
    let after = shot(&mut s, [-500.0, -130.0], 1.4, Quality::Tiles);
    assert!(differing(&before, &after) < 0.002, "{:.2} %", differing(&before, &after) * 100.0);
}

#[test]
fn heaps_long_words_and_wild_sizes_draw_in_one_go() {
    let mut builder = BoardBuilder::default();
    for i in 0..60_000u128 {
        let jitter = [(i % 61) as f64 - 30.0, (i % 53) as f64 - 26.0];
        builder.note(note(i + 1, NoteKind::Plain, jitter, "heap"));
    }
    let texts = [
        "z\u{0351}\u{0352}\u{0353}a\u{0310}\u{0311}\u{0312}l\u{0313}g\u{0314}o\u{0315}".repeat(40),
        "שלום עולם مرحبا بالعالم".repeat(30),
        "\u{fffd}\u{fffe}\u{ffff}\u{202e}\u{0000}\u{feff}".repeat(20),
        "😀👩‍👩‍👧‍👦🇫🇷".repeat(50),
        "long ".repeat(200_000),
    ];
    for (i, text) in texts.iter().enumerate() {
        let at = [400.0 + i as f64 * 220.0, 0.0];
        builder.note(note(100_000 + i as u128, NoteKind::Plain, at, text));
    }
    for (i, size) in [[1.0, 1.0], [1e6, 1e6], [1e6, 1.0]].into_iter().enumerate() {
        let wild = note(200_000 + i as u128, NoteKind::Plain, [0.0, 600.0], "wild");
        builder.note(Note { size, rank: 0, ..wild });
    }
    for (i, center) in [[f64::NAN, 0.0], [f64::INFINITY, 0.0], [1e300, 0.0]].into_iter().enumerate()
    {
        builder.note(note(300_000 + i as u128, NoteKind::Plain, center, "nowhere"));
    }
    let (board, left_out) = builder.finish(0);
    assert_eq!(left_out.len(), 3, "what cannot be drawn is left out and named");
    let mut s = studio(board, false, SIZE);
    for zoom in [1.0, 0.3, 0.01] {
        let rgba = shot(&mut s, [300.0, 0.0], zoom, Quality::Tiles);
        assert!(rgba.chunks_exact(4).any(|p| p != &rgba[..4]));
    }
    // The heap shows its top: far fewer notes were drawn than lie there.
    assert!(s.counters().now().notes < 200_000, "{:?}", s.counters().now());
}

#[test]
fn a_picture_from_near_shows_its_parts() {
    let mut builder = BoardBuilder::default();
    builder.asset(AssetInfo {
        id: PICTURE,
        mime: "image/png".into(),
        size_bytes: 1,
        size_px: [6_000, 4_000],
        duration_ms: 0,
        average_rgb: 0,
    });
    builder.run(run(50, PICTURE, vec![]));
    let state = WorkState::Done { asset: PICTURE, run: RunId(50) };
    let mut print = note(3, work(WorkKind::Image, state), [500.0, 300.0], "");
    (print.size, print.tilt_deg) = ([428.0, 376.0], 0.0);
    builder.note(print);
    let mut s = studio(builder.finish(0).0, false, [640, 400]);
    // 400 by 300 units with their middle eight units above the note's: parts of 100 by 75.
    let color = |column: u16, row: u16| [column as u8 * 30, row as u8 * 30, 200, 255];
    let mut asked = 0;
    let mut pixels = |Wish { part, .. }: Wish| {
        asked += 1;
        assert!(part == Part::WHOLE || part.level == 2, "{part:?}");
        let [column, row] = part.at;
        let fill = if part == Part::WHOLE { [128; 4] } else { color(column, row) };
        Some(Thumb { width: 512, height: 512, rgba: fill.repeat(512 * 512) })
    };
    for quality in [Quality::Tiles, Quality::Full { snapped: true, thinned: false }] {
        s.set_quality(quality);
        s.look([500.0, 300.0 - 8.0 + 18.0], 8.0);
        s.settle(&mut pixels);
        let rgba = s.picture().unwrap();
        let at = |x: usize, y: usize| &rgba[(y * 640 + x) * 4..][..4];
        // The middle is 18 units below the corner of four parts.
        for (x, y, column, row) in [(300, 300, 1, 2), (340, 10, 2, 1), (620, 200, 2, 2)] {
            let expected = color(column, row);
            let off = at(x, y).iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
            assert!(off <= Some(3), "{quality:?} {x} {y}: {:?} {expected:?}", at(x, y));
        }
    }
    assert_eq!(asked, 7, "the whole and what tiles show of it");
}
