//! A work of a board as it is published, and a published work as it comes onto a board.

use oto_api_types::{
    Job, JobCost, JobKind, JobOutput, JobStatus, NewWork, Recipe, Visibility, Work, WorkSource,
};
use oto_board::query::lineage;
use oto_board::{Board, Note, NoteId, WorkKind};

use super::run::job_kind;

/// Engine of works that came from the shared wall; their model is the published work.
pub(crate) const SHARED_WALL: &str = "shared-wall";

/// What its author decides when a work is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choices {
    pub(crate) title: String,
    pub(crate) visibility: Visibility,
    pub(crate) licence: String,
    pub(crate) may_reuse: bool,
    pub(crate) shows_recipe: bool,
    pub(crate) shows_sources: bool,
}

impl Choices {
    /// What is usual: seen by everybody, to be used with credit, with its recipe.
    pub(crate) fn of(note: &Note) -> Self {
        let title = match note.title.trim() {
            "" => note.text.split_whitespace().take(8).collect::<Vec<_>>().join(" "),
            title => title.to_owned(),
        };
        Self {
            title: title.chars().take(200).collect(),
            visibility: Visibility::Public,
            licence: "CC-BY-4.0".to_owned(),
            may_reuse: true,
            shows_recipe: true,
            shows_sources: true,
        }
    }
}

/// Key of the sentence that says what became of a work that was sent.
pub(crate) fn outcome(work: &Work) -> &'static str {
    match (work.state.as_str(), work.visibility) {
        ("held", _) => "publish-done-held",
        ("shown", Visibility::Link) => "publish-done-link",
        ("shown", Visibility::Private) => "publish-done-private",
        ("shown", _) => "publish-done",
        _ => "publish-done-removed",
    }
}

/// The published work a note came from or is: one that was fetched keeps its own name, others have
/// the name of their note.
fn published_name(board: &Board, note: NoteId) -> String {
    let run = board.note(note).and_then(|n| board.run(n.kind.work()?.run()?));
    match run {
        Some(run) if run.engine == SHARED_WALL => run.model.clone(),
        _ => note.to_string(),
    }
}

/// A finished work as it is sent; none when it is not finished. Its media are sent apart.
pub(crate) fn new_work(board: &Board, note: &Note, choices: &Choices) -> Option<NewWork> {
    let work = note.kind.work()?;
    work.asset()?;
    let made = lineage(board, note.id);
    let run = work.run().and_then(|r| board.run(r));
    let recipe = run.map_or_else(Recipe::default, |run| Recipe {
        agent: run.agent_name.clone(),
        engine: run.engine.clone(),
        model: run.model.clone(),
        prompt: run.prompt.clone(),
        seed: run.seed,
        params: run.params.iter().cloned().collect(),
        draft: run.draft,
        made_at_ms: run.finished_at_ms,
    });
    let sources = made.sources.iter().filter_map(|id| {
        let source = board.note(*id)?;
        let kind = source.kind.work().map_or(JobKind::Text, |w| job_kind(w.kind));
        // The words of a note that has no name were not written for others.
        let title = match (source.title.trim(), kind) {
            ("", JobKind::Image) => "a picture",
            ("", JobKind::Voice) => "a voice",
            ("", JobKind::Video) => "a film",
            ("", _) => "a note",
            (title, _) => title,
        };
        Some(WorkSource {
            work: Some(published_name(board, *id)),
            title: title.chars().take(120).collect(),
            kind,
        })
    });
    Some(NewWork {
        id: note.id.to_string(),
        kind: job_kind(work.kind),
        title: choices.title.clone(),
        text: if work.kind == WorkKind::Text { note.text.clone() } else { String::new() },
        asset: None,
        visibility: choices.visibility,
        licence: choices.licence.clone(),
        may_reuse: choices.may_reuse,
        may_comment: true,
        shows_recipe: choices.shows_recipe,
        shows_sources: choices.shows_sources,
        recipe,
        sources: sources.collect(),
        tags: Vec::new(),
    })
}

/// A published work as the end of a job, so that it comes onto a board the way every work does.
/// `hash` names its bytes, which are at hand; for a text they are its words.
pub(crate) fn as_job(work: &Work, job: &str, server: &str, hash: String, now_ms: i64) -> Job {
    let recipe = work.recipe.clone().unwrap_or_default();
    Job {
        id: job.to_owned(),
        version: 1,
        kind: work.kind,
        engine: SHARED_WALL.to_owned(),
        model: work.id.clone(),
        status: JobStatus::Succeeded,
        progress: None,
        queue_position: None,
        attempt: 1,
        next_try_at_ms: None,
        created_at_ms: now_ms,
        started_at_ms: Some(now_ms),
        finished_at_ms: Some(now_ms),
        outputs: vec![JobOutput {
            role: "main".to_owned(),
            hash,
            content_type: work.content_type.clone(),
            size: u64::try_from(work.size).unwrap_or(0),
            size_px: work.size_px,
            duration_ms: u64::try_from(work.duration_ms).unwrap_or(0),
            average_rgb: 0xfd_f3_b0,
        }],
        title: work.title.clone(),
        text: work.text.clone(),
        seed: recipe.seed,
        label: format!(
            "by {} (@{}), {}, {server}",
            work.author.name, work.author.handle, work.licence
        ),
        draft: recipe.draft,
        error: None,
        cost: JobCost { micro: Some(0) },
        stages: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use oto_board::{Edit, JobId, Origin, StepId, TxMeta};

    use super::*;
    use crate::making;
    use crate::mint;

    fn apply(board: &mut Board, edit: Edit) {
        let meta = TxMeta {
            op: edit.op(),
            origin: Origin::Import,
            step: StepId(mint::id()),
            at_ms: 1,
            selection_hint: Vec::new(),
        };
        board.transact(meta, |tx| edit.apply(tx)).unwrap();
    }

    #[test]
    fn a_work_that_came_from_the_wall_keeps_its_name_as_a_source() {
        let mut board = Board::default();
        let work: Work = serde_json::from_value(serde_json::json!({
            "id": "01890000-0000-7000-8000-000000000001", "kind": "text", "title": "A tram", "text": "It was empty.",
            "author": {"id": "a", "handle": "ada", "name": "Ada"}, "visibility": "public", "state": "shown",
            "may_reuse": true, "may_comment": true, "shows_recipe": false, "shows_sources": false,
            "likes": 0, "votes": 0, "comments": 0, "created_at_ms": 0, "version": 1
        }))
        .unwrap();
        for _ in 0..2 {
            let job = JobId(mint::id());
            if let Some(edit) = making::author_of_wall(&board, &work, [0.0, 0.0]) {
                apply(&mut board, edit);
            }
            let edit = making::begin_from_wall(&board, &work, "https://x.example", job).unwrap();
            apply(&mut board, edit);
            let told = as_job(&work, &job.to_string(), "https://x.example", "ab".repeat(32), 7);
            let edit = making::finish(&board, &told).unwrap().unwrap();
            apply(&mut board, edit);
        }
        let agents: Vec<_> = board.notes().filter(|n| n.kind.agent().is_some()).collect();
        assert_eq!((agents.len(), agents[0].title.as_str()), (1, "@ada"), "one note for a person");
        let note = board.notes().find(|n| n.kind.work().is_some()).unwrap().clone();
        assert_eq!((note.title.as_str(), note.text.as_str()), ("A tram", "It was empty."));
        assert_eq!(published_name(&board, note.id), work.id);
        let again = new_work(&board, &note, &Choices::of(&note)).unwrap();
        assert_eq!((again.id, again.recipe.engine.as_str()), (note.id.to_string(), SHARED_WALL));
    }
}
