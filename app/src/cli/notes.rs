//! `oto notes` and `oto save`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use oto_board::query::search;
use oto_board::{Note, NoteKind, WorkState};
use oto_storage::read_board;
use serde_json::{Value, json};

use super::{find_note, print_json};
use crate::data::DataDir;

#[derive(Debug, Args)]
pub(super) struct NotesArgs {
    /// The board.
    board: PathBuf,
    /// Only this kind: plain, agent, text, image, voice, video, frame.
    #[arg(long)]
    kind: Option<String>,
    /// Only notes with these words.
    #[arg(long, value_name = "Q")]
    search: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SaveArgs {
    /// The board.
    board: PathBuf,
    /// The work, by id or title.
    note: String,
    /// Where to write it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn state_word(note: &Note) -> &'static str {
    match note.kind.work().map(|w| &w.state) {
        Some(WorkState::Making { .. }) => "making",
        Some(WorkState::Done { .. }) => "done",
        Some(WorkState::Failed { .. }) => "failed",
        Some(WorkState::Canceled { .. }) => "canceled",
        None => "",
    }
}

/// A note as JSON, the same wherever the command line shows one.
pub(super) fn note_json(note: &Note, board: &oto_board::Board, data: &DataDir) -> Value {
    let asset = note.kind.work().and_then(|w| w.asset()).and_then(|id| board.asset(id));
    let mut value = json!({
        "id": note.id.to_string(),
        "kind": note.kind.word(),
        "title": note.title,
        "text": note.text,
        "center": note.center,
        "size": note.size,
    });
    if let NoteKind::Work(work) = &note.kind {
        value["state"] = json!(state_word(note));
        value["prompt"] = json!(work.recipe.prompt);
        if let WorkState::Failed { reason, .. } = &work.state {
            value["reason"] = json!(reason);
        }
    }
    if let NoteKind::Agent(agent) = &note.kind {
        value["makes"] = json!(agent.makes.word());
        value["engine"] = json!(agent.engine);
        value["prompt"] = json!(agent.prompt);
    }
    if let Some(asset) = asset {
        value["asset"] = json!({
            "path": data.assets().path(asset.id), "mime": asset.mime, "bytes": asset.size_bytes,
            "blake3": asset.id.to_string(), "size_px": asset.size_px, "duration_ms": asset.duration_ms,
        });
    }
    value
}

pub(super) fn list(data: &DataDir, args: &NotesArgs) -> Result<()> {
    const KINDS: [&str; 7] = ["plain", "agent", "text", "image", "voice", "video", "frame"];
    if let Some(kind) = &args.kind
        && !KINDS.contains(&kind.as_str())
    {
        bail!("there is no kind “{kind}”; oTo knows {}", KINDS.join(", "));
    }
    let loaded = read_board(&data.board(&args.board))?;
    let board = &loaded.board;
    let mut notes = search(board, args.search.as_deref().unwrap_or_default());
    notes.retain(|n| args.kind.as_ref().is_none_or(|k| n.kind.word() == k));
    notes.sort_by_key(|n| (n.created_at_ms, n.id));
    if args.json {
        print_json(
            &json!({ "notes": notes.iter().map(|n| note_json(n, board, data)).collect::<Vec<_>>() }),
        );
        return Ok(());
    }
    for note in notes {
        let words = if note.title.is_empty() { &note.text } else { &note.title };
        println!(
            "{}  {:6} {:8} {}",
            note.id,
            note.kind.word(),
            state_word(note),
            words.lines().next().unwrap_or_default()
        );
    }
    Ok(())
}

pub(super) fn save(data: &DataDir, args: &SaveArgs) -> Result<()> {
    let loaded = read_board(&data.board(&args.board))?;
    let id = find_note(&loaded.board, &args.note)?;
    let note = loaded.board.note(id).context("the note is gone")?;
    let bytes = match note.kind.work() {
        Some(work) => {
            let asset = work
                .asset()
                .context("this work is not finished, so there is nothing to save yet")?;
            let store = data.assets();
            if store.verify(asset)? != asset {
                bail!(
                    "the file of this work is damaged; restore it from a backup or make it again"
                );
            }
            store.read(asset)?
        }
        None if note.kind.agent().is_none() => note.text.clone().into_bytes(),
        None => bail!("an agent has no file; name one of its works"),
    };
    oto_storage::files::write_whole(&args.out, &bytes)?;
    eprintln!("saved {} bytes as {}", bytes.len(), args.out.display());
    Ok(())
}
