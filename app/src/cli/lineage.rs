//! `oto lineage`: every run from the first source to a work.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use oto_board::query::lineage;
use oto_storage::read_board;
use serde_json::json;

use super::{find_note, print_json};
use crate::data::DataDir;

#[derive(Debug, Args)]
pub(super) struct LineageArgs {
    /// The board.
    board: PathBuf,
    /// The work, by id or title.
    note: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(data: &DataDir, args: &LineageArgs) -> Result<()> {
    let loaded = read_board(&data.board(&args.board))?;
    let board = &loaded.board;
    let id = find_note(board, &args.note)?;
    let thread = lineage(board, id);
    let title = |id| board.note(id).map_or_else(String::new, |n| n.title.clone());
    if args.json {
        let runs: Vec<_> = thread
            .runs
            .iter()
            .map(|(note, run)| {
                json!({
                    "note": note.to_string(), "title": title(*note), "run": run.id.to_string(), "agent": run.agent_name,
                    "engine": run.engine, "model": run.model, "prompt": run.prompt, "seed": run.seed,
                    "params": run.params.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
                    "cost_micro": run.cost_micro, "draft": run.draft, "label": run.label,
                    "started_at_ms": run.started_at_ms, "took_ms": run.finished_at_ms - run.started_at_ms,
                })
            })
            .collect();
        let agents: Vec<_> = thread
            .agents
            .iter()
            .map(|agent| {
                let name = thread
                    .runs
                    .iter()
                    .find(|(_, r)| r.agent == *agent)
                    .map_or_else(String::new, |(_, r)| r.agent_name.clone());
                json!({ "id": agent.to_string(), "name": name })
            })
            .collect();
        let sources: Vec<_> = thread
            .sources
            .iter()
            .map(|s| json!({ "id": s.to_string(), "title": title(*s) }))
            .collect();
        print_json(
            &json!({ "note": id.to_string(), "runs": runs, "agents": agents, "sources": sources }),
        );
        return Ok(());
    }
    if thread.runs.is_empty() {
        println!("nobody made this: it was written here");
    }
    for (note, run) in &thread.runs {
        println!(
            "{} made “{}” · {} · seed {} · {} ms",
            run.agent_name,
            title(*note),
            run.engine,
            run.seed,
            run.finished_at_ms - run.started_at_ms
        );
        println!("    {}", run.label);
    }
    Ok(())
}
