//! A recipe as a job, a finished job as a run.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use oto_api_types::{Job, JobInput, JobKind, NewJob};
use oto_backend_client::Upload;
use oto_board::{
    AssetId, AssetInfo, Board, JobId, Note, NoteId, NoteKind, OutputRole, Recipe, Run, RunId,
    RunInput, RunOutput, WorkKind,
};
use oto_storage::AssetStore;

pub(crate) fn job_kind(kind: WorkKind) -> JobKind {
    match kind {
        WorkKind::Text => JobKind::Text,
        WorkKind::Image => JobKind::Image,
        WorkKind::Voice => JobKind::Voice,
        WorkKind::Video => JobKind::Video,
    }
}

/// None for a kind of a later version.
pub(crate) fn work_kind(kind: JobKind) -> Option<WorkKind> {
    WorkKind::ALL.into_iter().find(|k| job_kind(*k) == kind)
}

fn input_of(note: &Note, board: &Board) -> JobInput {
    let (role, asset, captions) = match &note.kind {
        NoteKind::Work(work) => {
            let captions =
                work.run().and_then(|r| board.run(r)).and_then(|r| r.output(OutputRole::Captions));
            let asset = work.asset().filter(|_| work.kind != WorkKind::Text);
            (work.kind.word(), asset, captions.filter(|_| work.kind == WorkKind::Voice))
        }
        _ => ("text", None, None),
    };
    // A draft says so wherever it is used.
    let run = note.kind.work().and_then(|w| board.run(w.run()?));
    let label = run.filter(|r| r.draft).map(|r| r.label.clone()).unwrap_or_default();
    let words = if note.text.is_empty() { &note.title } else { &note.text };
    JobInput {
        role: role.to_owned(),
        title: note.title.clone(),
        text: matches!(role, "text" | "voice").then(|| words.clone()),
        hash: asset.map(|a| a.to_string()),
        captions: captions.map(|a| a.to_string()),
        label,
    }
}

/// What to submit for a recipe, and the files its home needs for it.
pub(crate) fn job_of(
    kind: WorkKind,
    recipe: &Recipe,
    board: &Board,
    store: &AssetStore,
) -> (NewJob, Vec<Upload>) {
    let inputs: Vec<JobInput> = recipe
        .sources
        .iter()
        .filter_map(|id| board.note(*id))
        .map(|note| input_of(note, board))
        .collect();
    let uploads = inputs
        .iter()
        .flat_map(|input| [&input.hash, &input.captions])
        .flatten()
        .filter_map(|hash| {
            Some(Upload { hash: hash.clone(), path: store.path(hash.parse::<AssetId>().ok()?) })
        })
        .collect();
    let job = NewJob {
        kind: job_kind(kind),
        engine: recipe.engine.clone(),
        model: recipe.model.clone(),
        prompt: recipe.prompt.clone(),
        seed: recipe.seed,
        params: recipe.params.iter().cloned().collect::<BTreeMap<_, _>>(),
        inputs,
        agent: board.note(recipe.agent).map(|n| n.title.clone()),
    };
    (job, uploads)
}

/// The run and the asset records of a job that succeeded. `sources` are all notes it was made from,
/// stages too.
pub(crate) fn run_of(
    job: &Job,
    recipe: &Recipe,
    sources: &[NoteId],
    board: &Board,
    id: RunId,
) -> Result<(Run, Vec<AssetInfo>)> {
    let mut outputs = Vec::new();
    let mut assets = Vec::new();
    for output in &job.outputs {
        let role = match output.role.as_str() {
            "main" => OutputRole::Main,
            "captions" => OutputRole::Captions,
            "timeline" => OutputRole::Timeline,
            // A role of a later version: the bytes are not needed to show the work.
            _ => continue,
        };
        let asset: AssetId =
            output.hash.parse().context("the backend named a file in a way oTo cannot read")?;
        outputs.push(RunOutput { role, asset });
        assets.push(AssetInfo {
            id: asset,
            mime: output.content_type.clone(),
            size_bytes: output.size,
            size_px: output.size_px,
            duration_ms: output.duration_ms,
            average_rgb: output.average_rgb,
        });
    }
    if !outputs.iter().any(|o| o.role == OutputRole::Main) {
        bail!("the engine finished without a result");
    }
    let asset_of = |note: &Note| note.kind.work().and_then(|w| w.asset());
    let inputs = sources
        .iter()
        .map(|id| RunInput { note: *id, asset: board.note(*id).and_then(asset_of) })
        .collect();
    let run = Run {
        id,
        job: job
            .id
            .parse::<JobId>()
            .context("the backend named the job in a way oTo cannot read")?,
        agent: recipe.agent,
        agent_name: board.note(recipe.agent).map_or_else(String::new, |n| n.title.clone()),
        engine: job.engine.clone(),
        model: job.model.clone(),
        prompt: recipe.prompt.clone(),
        seed: job.seed,
        params: recipe.params.clone(),
        inputs,
        outputs,
        cost_micro: job.cost.micro,
        draft: job.draft,
        label: job.label.clone(),
        started_at_ms: job.started_at_ms.unwrap_or(job.created_at_ms),
        finished_at_ms: job.finished_at_ms.unwrap_or(job.created_at_ms),
    };
    Ok((run, assets))
}
