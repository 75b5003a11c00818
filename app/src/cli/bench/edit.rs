//! `oto bench edit`: edits by the one mechanism, and how many frames until each shows.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use oto_board::{Edit, NoteId};
use oto_canvas::{Counts, EditRequest, Studio};
use serde_json::json;

use super::camera::opened;
use super::report::{Figures, joined, psnr, rss_mb};
use crate::cli::print_json;
use crate::data::DataDir;

#[derive(Debug, Args)]
pub(in crate::cli) struct EditArgs {
    /// The board. It is read, never written.
    board: PathBuf,
    /// Size of the picture in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800")]
    size: String,
    /// How many edits.
    #[arg(long, default_value_t = 60)]
    edits: u32,
}

/// The note nearest to the middle of the view.
pub(super) fn nearest(studio: &Studio) -> Option<NoteId> {
    let middle = studio.camera().center;
    let away = |c: [f64; 2]| (c[0] - middle[0]).hypot(c[1] - middle[1]);
    let mut notes = studio.board().notes_in(studio.camera().view());
    notes.sort_by(|a, b| away(a.center).total_cmp(&away(b.center)));
    notes.first().map(|n| n.id)
}

pub(super) fn run(data: &DataDir, args: &EditArgs) -> Result<()> {
    let (mut studio, courier, _scene) = opened(data, &args.board, &args.size)?;
    let (notes, twines) = (studio.board().n_notes(), studio.board().n_twines());
    let Some(note) = nearest(&studio) else { bail!("there is no note to edit in the middle") };
    let counters = studio.counters();
    let mut figures = Figures { ms: Vec::new(), most: Counts::default(), tiles: 0, bytes: 0 };
    let mut frames_until_seen = 0;
    let before_all = counters.now();
    for i in 0..args.edits {
        let picture = if i == 0 { Some(studio.picture()?) } else { None };
        let by = [if i % 2 == 0 { 60.0 } else { -60.0 }, 0.0];
        studio.send(EditRequest::user(Edit::MoveNotes { ids: vec![note], by }));
        let begun = Instant::now();
        if let Some(before) = picture {
            // Pictures are taken of each frame until one differs.
            for frame in 1..=10 {
                let taken = studio.expect_picture();
                studio.step();
                let mut shown = None;
                while shown.is_none() {
                    shown = taken.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                    if shown.is_none() {
                        studio.step();
                    }
                }
                if shown.is_some_and(|s| psnr(&s, &before) < 60.0) {
                    frames_until_seen = frame;
                    break;
                }
            }
        } else {
            let counts = counters.now();
            studio.step();
            figures.ms.push(begun.elapsed().as_secs_f64() * 1000.0);
            let bytes = counters.now().uploaded_bytes - counts.uploaded_bytes;
            figures.most.uploaded_bytes = figures.most.uploaded_bytes.max(bytes);
            let tiles = counters.now().tiles_baked - counts.tiles_baked;
            figures.most.tiles_baked = figures.most.tiles_baked.max(tiles);
        }
        courier.carry(&mut studio);
    }
    let seen = (1..=2).contains(&frames_until_seen);
    let mut line = json!({
        "segment": "edit", "notes": notes, "twines": twines, "frames": figures.ms.len(),
        "frames_until_seen": frames_until_seen,
        "uploaded_bytes": counters.now().uploaded_bytes - before_all.uploaded_bytes,
        "uploaded_bytes_max": figures.most.uploaded_bytes,
        "tiles_baked": counters.now().tiles_baked - before_all.tiles_baked,
        "tiles_baked_max": figures.most.tiles_baked,
        "rss_mb": rss_mb(), "adapter": studio.adapter(),
        "image_check": if seen { "ok" } else { "unseen" },
    });
    if seen {
        line = joined(line, figures.times());
    }
    print_json(&line);
    Ok(())
}
