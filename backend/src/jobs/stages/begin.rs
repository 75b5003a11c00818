//! Beginning stages: those that were made before are taken over, the others become jobs.

use oto_api_types::NewJob;
use oto_engines::{EngineError, ErrorClass, Estimate, Stage};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use super::database;
use crate::convert::{job_kind, request_of};
use crate::db::{all, execute, immediate};
use crate::jobs::row::{COLUMNS, ChildOf, JobRow};
use crate::jobs::{charge, queue, sources};
use crate::state::AppState;

/// A stage as it is written down.
struct Begun {
    key: String,
    job: NewJob,
    request: String,
    fingerprint: String,
    /// What it is made from, as its row has it.
    of: String,
    estimate: Estimate,
    /// The same, made before for another whole.
    checkpoint: Option<Checkpoint>,
}

/// A stage that was made for a whole that ended without a result.
struct Checkpoint {
    id: String,
    whole: String,
}

/// Begins stages: all of them or none.
pub(super) async fn begin(
    state: &AppState,
    parent: &JobRow,
    stages: &[Stage],
) -> Result<(), EngineError> {
    // What the stages cost counts for the agent of the whole.
    let agent = parent.new_job().and_then(|j| j.agent);
    let mut begun: Vec<Begun> = Vec::with_capacity(stages.len());
    for stage in stages {
        let mut next = asked(state, stage, agent.clone())?;
        let taken: Vec<&str> =
            begun.iter().filter_map(|b| Some(b.checkpoint.as_ref()?.id.as_str())).collect();
        next.checkpoint = checkpoint(state, &next.fingerprint, &parent.owner, &taken).await?;
        begun.push(next);
    }
    let txn = state.db.begin_with_options(immediate()).await.map_err(|e| database(&e))?;
    for stage in begun {
        if let Some(checkpoint) = &stage.checkpoint
            && take_over(&txn, checkpoint, &parent.id, &stage).await.map_err(|e| database(&e))?
        {
            continue;
        }
        let bears = charge::bears(&txn, state.prices, &parent.id, stage.estimate).await;
        if !bears.map_err(|e| database(&e))? {
            return Err(EngineError::new(
                ErrorClass::NoCredit,
                "hold_exceeded",
                "This film would cost more than was held for it; make it shorter, or choose engines that cost less.",
            ));
        }
        if let Some(sentence) =
            queue::over_budget(&txn, stage.estimate).await.map_err(|e| database(&e))?
        {
            return Err(EngineError::new(ErrorClass::NoCredit, "budget_exceeded", sentence));
        }
        let id = uuid::Uuid::now_v7().to_string();
        let child = [parent.id.clone(), stage.key, stage.of];
        let written = (stage.request, stage.fingerprint.as_str());
        queue::insert(&txn, &id, &stage.job, written, stage.estimate, Some(child))
            .await
            .map_err(|e| database(&e))?;
    }
    txn.commit().await.map_err(|e| database(&e))?;
    state.work.notify_one();
    Ok(())
}

/// A stage as a job, if its engine is here and may be asked for this.
fn asked(state: &AppState, stage: &Stage, agent: Option<String>) -> Result<Begun, EngineError> {
    let refused =
        |code, sentence: String| EngineError::new(ErrorClass::InvalidRequest, code, sentence);
    if state.registry().get(&stage.engine).is_none() {
        return Err(refused(
            "no_engine",
            format!(
                "There is no engine “{}” for “{}”. Choose another one on the agent.",
                stage.engine, stage.title
            ),
        ));
    }
    let job = NewJob {
        kind: job_kind(stage.kind),
        engine: stage.engine.clone(),
        model: stage.model.clone(),
        prompt: stage.prompt.clone(),
        seed: stage.seed,
        params: stage.params.clone(),
        inputs: Vec::new(),
        agent,
    };
    if let Some(server) = &state.server {
        if !server.config.open_workflows && job.params.contains_key("workflow") {
            return Err(refused("no_workflows", crate::routes::jobs::NO_WORKFLOWS.to_owned()));
        }
        let offers = server.config.offers(&stage.engine, &stage.model);
        offers.map_err(|sentence| refused("no_model", sentence))?;
    }
    let estimate = match request_of(&job, &state.blobs, String::new()) {
        Ok(request) => state.registry().estimate(&stage.engine, &request),
        Err(_) => Estimate::UNKNOWN,
    };
    let of = ChildOf {
        title: stage.title.clone(),
        keeps_title: stage.keeps_title,
        from_stages: stage.from_stages.clone(),
        from_inputs: stage.from_inputs.clone(),
    };
    let of = serde_json::to_string(&of).unwrap_or_default();
    // The same work whatever its agent is called by then.
    let nameless = NewJob { agent: None, ..job.clone() };
    let (_, fingerprint) = queue::written(&nameless).map_err(|e| database(&e))?;
    let (request, _) = queue::written(&job).map_err(|e| database(&e))?;
    Ok(Begun { key: stage.key.clone(), job, request, fingerprint, of, estimate, checkpoint: None })
}

/// A stage of somebody's that was asked the same and made, for a whole that ended without a result, and
/// whose media are still to be had; none of `taken`. They are brought here.
async fn checkpoint(
    state: &AppState,
    fingerprint: &str,
    owner: &str,
    taken: &[&str],
) -> Result<Option<Checkpoint>, EngineError> {
    for row in made_before(&state.db, fingerprint, owner).await.map_err(|e| database(&e))? {
        let Some(whole) = row.parent_id.clone().filter(|_| !taken.contains(&row.id.as_str()))
        else {
            continue;
        };
        match sources::bring(state, row.media()).await {
            // That server may be gone for good: it is made anew.
            Err(error) if error.code == sources::ELSEWHERE => continue,
            brought => brought?,
        }
        if row.media().iter().all(|hash| state.blobs.find(hash).is_some()) {
            return Ok(Some(Checkpoint { id: row.id, whole }));
        }
    }
    Ok(None)
}

/// Stages with this request that wholes left, newest first. What they cost was taken with their whole:
/// one that is not settled still pays for them.
async fn made_before(
    db: &DatabaseConnection,
    fingerprint: &str,
    owner: &str,
) -> Result<Vec<JobRow>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM job WHERE fingerprint = $1 AND status = 'succeeded' AND parent_id IN (SELECT id FROM job
         WHERE owner = $2 AND status IN ('failed', 'canceled', 'expired') AND (settled = 1 OR hold_micro = 0))
         ORDER BY created_at_ms DESC, id DESC LIMIT 20"
    );
    let rows = all(db, &sql, vec![fingerprint.into(), owner.into()]).await?;
    rows.iter().map(JobRow::read).collect()
}

/// It becomes a stage of this whole, unless another one was quicker.
async fn take_over(
    txn: &impl ConnectionTrait,
    from: &Checkpoint,
    parent: &str,
    stage: &Begun,
) -> Result<bool, DbErr> {
    let sql = "UPDATE job SET parent_id = $2, child_key = $3, child_of = $4, version = version + 1 WHERE id = $1 AND parent_id = $5";
    let values = vec![
        from.id.clone().into(),
        parent.into(),
        stage.key.clone().into(),
        stage.of.clone().into(),
        from.whole.clone().into(),
    ];
    Ok(execute(txn, sql, values).await? == 1)
}
