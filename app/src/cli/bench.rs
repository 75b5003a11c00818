//! `oto bench`: boards of any size made from a seed, and the time that drawing, opening and editing
//! them takes. One JSON line a segment; no time is printed for a picture that is not right.

mod camera;
mod corpus;
mod edit;
mod layout;
mod open;
mod pictures;
mod report;
mod walk;

use anyhow::Result;
use clap::Subcommand;

use crate::data::DataDir;

#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Make a board of many notes.
    Corpus(corpus::CorpusArgs),
    /// Move the camera over a board along scripted paths.
    Camera(camera::CameraArgs),
    /// Open a board and draw its first full frame.
    Open(open::OpenArgs),
    /// Move notes on a board and count frames until it shows.
    Edit(edit::EditArgs),
    /// Wander over a board for minutes, editing, and watch memory.
    Walk(walk::WalkArgs),
}

pub(super) fn run(data: &DataDir, command: &BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Corpus(args) => corpus::run(data, args),
        BenchCommand::Camera(args) => camera::run(data, args),
        BenchCommand::Open(args) => open::run(data, args),
        BenchCommand::Edit(args) => edit::run(data, args),
        BenchCommand::Walk(args) => walk::run(data, args),
    }
}
