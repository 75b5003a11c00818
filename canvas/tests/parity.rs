//! What the GPU draws is what `board::geom` says: strings lie on their curve, under the notes they
//! cross, and over their own notes only in the pin's band. Drawn by whatever adapter there is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use oto_board::geom::TwineCurve;
use oto_board::{Board, BoardBuilder, Note, NoteId, NoteKind, Twine, TwineId, TwineRole};
use oto_canvas::{Ink, MakingLooks, Palette, PaletteRecord, Still, shoot};

const SIZE: [u32; 2] = [1280, 800];
const RED: [f32; 4] = [0.9, 0.05, 0.05, 1.0];
const WHITE: [f32; 4] = [1.0, 1.0, 1.0, 0.0];
const BLUE_PAPER: [f32; 4] = [0.2, 0.4, 1.0, 1.0];

fn palette() -> Palette {
    let gpu = PaletteRecord {
        wall: WHITE,
        fibre: WHITE,
        gold: [BLUE_PAPER; 4],
        papers: [BLUE_PAPER; 8],
        twines: [RED; 16],
        shadow: [0.0, 0.0, 0.0, 0.0],
        ..PaletteRecord::default()
    };
    let ink = Ink { paper: [0; 3], gold: [0; 3], faint: [0; 3], failed: [0; 3] };
    Palette { gpu, ink, dark: false }
}

fn note(id: u128, center: [f64; 2], rank: u32) -> Note {
    Note {
        id: NoteId(id),
        kind: NoteKind::Plain,
        center,
        size: [120.0, 120.0],
        tilt_deg: 0.0,
        rank,
        color: 0,
        title: String::new(),
        text: String::new(),
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
        color: 0,
        label: String::new(),
    }
}

struct Picture(Vec<u8>);

impl Picture {
    fn of(board: Board, center: [f64; 2]) -> Self {
        let still = Still {
            board,
            size_px: SIZE,
            view: Some((center, 1.0)),
            fonts: &[],
            palette: palette(),
            making: MakingLooks::default(),
        };
        Self(shoot(still, |_| None).unwrap())
    }

    /// True when a pixel within two of this point of the wall is the string's red.
    fn is_red(&self, p: [f64; 2], center: [f64; 2]) -> bool {
        let x = (p[0] - center[0] + f64::from(SIZE[0]) / 2.0) as i64;
        let y = (p[1] - center[1] + f64::from(SIZE[1]) / 2.0) as i64;
        (-2..=2).any(|dy| {
            (-2..=2).any(|dx| {
                let at = ((y + dy) * i64::from(SIZE[0]) + x + dx) * 4;
                let Some(pixel) = self.0.get(at as usize..at as usize + 3) else { return false };
                i32::from(pixel[0]) - i32::from(pixel[1]) > 90 && pixel[2] < 130
            })
        })
    }
}

fn board_at(origin: [f64; 2]) -> (Board, Vec<TwineCurve>) {
    let place = |x: f64, y: f64| [origin[0] + x, origin[1] + y];
    let notes = vec![
        note(1, place(-540.0, -300.0), 1),
        note(2, place(540.0, -300.0), 2),
        note(3, place(-540.0, 300.0), 3),
        note(4, place(540.0, 120.0), 4),
        // Lies on the first string.
        note(5, place(0.0, -270.0), 5),
    ];
    let twines = vec![twine(11, 1, 2), twine(12, 1, 4), twine(13, 3, 2), twine(14, 3, 4)];
    let pin = |id: u128| notes.iter().find(|n| n.id.0 == id).unwrap().pin();
    let curves = twines.iter().map(|t| TwineCurve::between(pin(t.from.0), pin(t.to.0))).collect();
    let mut builder = BoardBuilder::default();
    notes.into_iter().for_each(|note| builder.note(note));
    twines.into_iter().for_each(|twine| builder.twine(twine));
    let (board, left_out) = builder.finish(0);
    assert!(left_out.is_empty());
    (board, curves)
}

#[test]
fn strings_lie_on_their_curve_and_under_the_notes_they_cross() {
    // Near the origin and a billion units away: the same picture, no trembling.
    for origin in [[0.0, 0.0], [1e9 + 0.25, -1e9]] {
        let (board, curves) = board_at(origin);
        let covered = |p: [f64; 2]| board.notes().any(|n| n.rect().grown(4.0).contains(p));
        let crossing = board.note(NoteId(5)).unwrap().rect().grown(-12.0);
        let picture = Picture::of(board.clone(), origin);
        let (mut free, mut hidden) = (0, 0);
        for curve in &curves {
            for i in 0..=200 {
                let p = curve.at(f64::from(i) / 200.0);
                if crossing.contains(p) {
                    assert!(!picture.is_red(p, origin), "a string shows over a note it crosses");
                    hidden += 1;
                } else if !covered(p) {
                    assert!(picture.is_red(p, origin), "no string at {p:?}");
                    free += 1;
                }
            }
        }
        assert!(free > 400 && hidden > 5, "{free} free, {hidden} hidden");
        // Off the curve there is only wall.
        assert!(!picture.is_red([origin[0], origin[1] + 330.0], origin));
    }
}
