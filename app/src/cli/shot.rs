//! `oto shot`: a picture of a board, by the renderer of the window.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use oto_canvas::{MakingLooks, Still, shoot};
use oto_media::worker::Workers;
use oto_storage::read_board;

use crate::data::DataDir;
use crate::desk::thumbnails::Thumbnails;
use crate::theme::{NOTE_FONTS, Theme};

#[derive(Debug, Args)]
pub(super) struct ShotArgs {
    /// The board.
    board: PathBuf,
    /// Where to write the PNG.
    #[arg(long, value_name = "PNG")]
    out: PathBuf,
    /// Size in pixels.
    #[arg(long, value_name = "WxH", default_value = "1600x1000")]
    size: String,
    /// Show the whole board (the default).
    #[arg(long, conflicts_with = "center")]
    fit: bool,
    /// Middle of the picture, in units of the board.
    #[arg(long, value_name = "X,Y", requires = "width", allow_hyphen_values = true)]
    center: Option<String>,
    /// How many units of the board are shown across.
    #[arg(long, value_name = "UNITS", requires = "center")]
    width: Option<f64>,
    /// Dark paper.
    #[arg(long)]
    dark: bool,
}

fn pair<T: std::str::FromStr>(text: &str, by: char) -> Option<[T; 2]> {
    let (a, b) = text.split_once(by)?;
    Some([a.trim().parse().ok()?, b.trim().parse().ok()?])
}

/// A size in pixels, as given on the command line.
pub(super) fn size_of(text: &str) -> Result<[u32; 2]> {
    pair::<u32>(text, 'x')
        .filter(|s| s.iter().all(|v| (16..=8192).contains(v)))
        .with_context(|| format!("--size wants WxH of 16 to 8192 pixels, not “{text}”"))
}

/// Writes packed RGBA as a PNG file, whole or not at all.
pub(super) fn write_png(out: &Path, size: [u32; 2], rgba: Vec<u8>) -> Result<()> {
    let picture = oto_media::picture::Picture { width: size[0], height: size[1], rgba };
    oto_storage::files::write_whole(out, &picture.to_png()?)?;
    Ok(())
}

pub(super) fn run(data: &DataDir, args: &ShotArgs) -> Result<()> {
    let size = size_of(&args.size)?;
    let view = match (&args.center, args.width) {
        (Some(center), Some(width)) => {
            let center = pair::<f64>(center, ',')
                .with_context(|| format!("--center wants X,Y, not “{center}”"))?;
            if !(width.is_finite() && width > 0.0 && center.iter().all(|v| v.is_finite())) {
                bail!("--width wants a positive number of units");
            }
            Some((center, f64::from(size[0]) / width))
        }
        _ => None,
    };
    take(data, &data.board(&args.board), &args.out, size, view, args.dark)?;
    eprintln!("{}", args.out.display());
    Ok(())
}

/// Takes the picture and writes it.
pub(super) fn take(
    data: &DataDir,
    board: &Path,
    out: &Path,
    size: [u32; 2],
    view: Option<([f64; 2], f64)>,
    dark: bool,
) -> Result<()> {
    let loaded = read_board(board)?;
    let mut thumbnails = Thumbnails::new(Workers::of_this_program()?);
    let (store, mimes) = (
        data.assets(),
        loaded.board.assets().iter().map(|a| (a.id, a.mime.clone())).collect::<HashMap<_, _>>(),
    );
    let still = Still {
        board: loaded.board,
        size_px: size,
        view,
        fonts: NOTE_FONTS,
        palette: Theme::read(dark)?.palette(),
        making: MakingLooks::default(),
    };
    let rgba = shoot(still, |wish| {
        let mime = mimes.get(&wish.asset)?;
        thumbnails.get(wish, &store.path(wish.asset), mime).ok()
    })?;
    write_png(out, size, rgba)
}
