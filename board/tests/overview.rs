//! What is known of the whole board without walking it equals a walk.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use oto_board::geom::Rect;
use oto_board::{BoardBuilder, Note, NoteId, NoteKind};
use proptest::prelude::*;

fn note(id: u128, center: [f64; 2], size: [f64; 2]) -> Note {
    Note {
        id: NoteId(id),
        kind: NoteKind::Plain,
        center,
        size,
        tilt_deg: 0.0,
        rank: 0,
        color: 0,
        title: String::new(),
        text: String::new(),
        starred: false,
        created_at_ms: 0,
    }
}

proptest! {
    #[test]
    fn bounds_counts_and_the_nearest_equal_a_walk(
        places in proptest::collection::vec((-9e5..9e5f64, -9e5..9e5f64, 1.0..3e3f64, 1.0..400f64), 0..80),
        asked in (-1e6..1e6f64, -1e6..1e6f64, 0.0..9e5f64),
    ) {
        let mut builder = BoardBuilder::default();
        for (i, (x, y, w, h)) in places.iter().enumerate() {
            builder.note(note(i as u128, [*x, *y], [*w, *h]));
        }
        let (board, _) = builder.finish(0);
        let walked = board.notes().fold(Rect::EMPTY, |all, n| all.union(n.rect()));
        prop_assert_eq!(board.bounds(), walked);
        prop_assert!(walked.is_empty() || board.reach().union(walked) == board.reach());
        let p = [asked.0, asked.1];
        let rect = Rect { min: p, max: p }.grown(asked.2);
        prop_assert_eq!(
            board.count_in(rect),
            board.notes().filter(|n| rect.contains(n.center)).count()
        );
        let away = |n: &Note| (n.center[0] - p[0]).hypot(n.center[1] - p[1]);
        let nearest = board.notes().map(away).fold(f64::INFINITY, f64::min);
        prop_assert_eq!(board.nearest(p).map_or(f64::INFINITY, away), nearest);
    }
}
