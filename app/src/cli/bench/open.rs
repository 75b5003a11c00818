//! `oto bench open`: from the start of the process to the first frame in full detail.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use oto_canvas::{Quality, Studio};
use oto_storage::read_board;
use serde_json::json;

use super::camera::{Courier, Scene, settle};
use super::report::{psnr, rss_mb};
use crate::cli::{print_json, shot};
use crate::data::DataDir;
use crate::theme::{NOTE_FONTS, Theme};

#[derive(Debug, Args)]
pub(in crate::cli) struct OpenArgs {
    /// The board.
    board: PathBuf,
    /// Size of the picture in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800")]
    size: String,
}

pub(super) fn run(data: &DataDir, args: &OpenArgs) -> Result<()> {
    let begun = Instant::now();
    let size = shot::size_of(&args.size)?;
    let path = data.board(&args.board);
    // The renderer starts while the board is read, as in the window.
    let (loaded, studio) = std::thread::scope(|scope| -> Result<_> {
        let reader = std::thread::Builder::new()
            .name("oto-read".to_owned())
            .spawn_scoped(scope, || read_board(&path))?;
        let studio = Studio::new(size, NOTE_FONTS, Theme::read(false)?.palette())?;
        let loaded =
            reader.join().map_err(|_panic| anyhow::anyhow!("reading the board stopped"))??;
        Ok((loaded, studio))
    })?;
    let mut studio = studio;
    let loaded_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let (notes, twines) = (loaded.board.n_notes(), loaded.board.n_twines());
    let courier = Courier::start(&loaded.board, data.assets())?;
    studio.open(loaded.board);
    let scene = Scene::of(&studio);
    studio.look(scene.middle, 1.0);
    studio.step();
    let first_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let full_ms = first_ms + settle(&mut studio, &courier);
    let rss = rss_mb();
    let shown = studio.picture()?;
    studio.set_quality(Quality::Full { snapped: true, thinned: true });
    settle(&mut studio, &courier);
    let db = psnr(&shown, &studio.picture()?);
    let ok = db >= 38.0;
    let mut line = json!({
        "segment": "open", "notes": notes, "twines": twines, "rss_mb": rss,
        "adapter": studio.adapter(), "image_check": if ok { "ok" } else { "differs" },
        "resting_db": (db * 10.0).round() / 10.0,
    });
    if ok {
        line["loaded_ms"] = json!(loaded_ms.round());
        line["first_frame_ms"] = json!(first_ms.round());
        line["full_frame_ms"] = json!(full_ms.round());
    }
    print_json(&line);
    Ok(())
}
