//! `oto bench walk`: a random walk with edits, and whether memory stays where it was.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use oto_board::Edit;
use oto_canvas::{EditRequest, Request, Studio};
use serde_json::json;

use super::camera::opened;
use super::edit::nearest;
use super::layout::Dice;
use super::report::{percentile, rss_mb};
use crate::cli::print_json;
use crate::data::DataDir;

#[derive(Debug, Args)]
pub(in crate::cli) struct WalkArgs {
    /// The board. It is read, never written.
    board: PathBuf,
    /// Size of the picture in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800")]
    size: String,
    /// How long.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Everything random follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn edit(studio: &mut Studio, dice: &mut Dice) {
    let Some(note) = nearest(studio) else { return };
    let request = match dice.below(5) {
        0 => EditRequest::history(Request::Undo),
        1 => EditRequest::user(Edit::SetColor { ids: vec![note], color: dice.below(7) as u8 }),
        _ => {
            let by = [dice.normal() * 80.0, dice.normal() * 80.0];
            EditRequest::user(Edit::MoveNotes { ids: vec![note], by })
        }
    };
    studio.send(request);
}

pub(super) fn run(data: &DataDir, args: &WalkArgs) -> Result<()> {
    let (mut studio, courier, scene) = opened(data, &args.board, &args.size)?;
    let (notes, twines) = (studio.board().n_notes(), studio.board().n_twines());
    let mut dice = Dice(args.seed);
    let (mut center, mut zoom) = (scene.middle, 1.0f64);
    let begun = Instant::now();
    let (mut ms, mut edits, mut minutes) = (Vec::new(), 0u32, Vec::new());
    let length = Duration::from_secs(args.seconds);
    let reach = studio.board().bounds();
    if reach.is_empty() {
        bail!("there is nothing on the board to walk over");
    }
    while begun.elapsed() < length {
        // A stretch of motion, then a rest with an edit.
        let motion = [dice.normal() * 40.0 / zoom, dice.normal() * 40.0 / zoom];
        let factor = (dice.normal() * 0.03).exp();
        for _ in 0..30 {
            center = [0, 1].map(|i| (center[i] + motion[i]).clamp(reach.min[i], reach.max[i]));
            zoom = (zoom * factor).clamp(scene.fit.min(0.5), 4.0);
            studio.look(center, zoom);
            let frame = Instant::now();
            studio.step();
            courier.carry(&mut studio);
            ms.push(frame.elapsed().as_secs_f64() * 1000.0);
        }
        edit(&mut studio, &mut dice);
        edits += 1;
        if minutes.len() as u64 <= begun.elapsed().as_secs() / 30 {
            minutes.push(rss_mb());
        }
    }
    ms.sort_by(f64::total_cmp);
    let half = minutes.get(minutes.len() / 2).copied().unwrap_or(0);
    print_json(&json!({
        "segment": "walk", "notes": notes, "twines": twines, "frames": ms.len(), "edits": edits,
        "p50_ms": percentile(&ms, 0.5).round(), "p99_ms": percentile(&ms, 0.99).round(),
        "max_ms": percentile(&ms, 1.0).round(),
        "rss_mb": rss_mb(), "rss_mb_each_half_minute": minutes, "rss_mb_half_way": half,
        "adapter": studio.adapter(),
    }));
    Ok(())
}
