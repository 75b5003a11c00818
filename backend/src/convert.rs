//! Wire types to and from the types of `engines`.

use oto_api_types::{self as api, JobInput, JobKind, NewJob};
use oto_engines::{self as engines, EngineError, ErrorClass, Input, Kind, Request};

use crate::blobs::Blobs;

pub(crate) fn kind_of(kind: JobKind) -> Option<Kind> {
    match kind {
        JobKind::Text => Some(Kind::Text),
        JobKind::Image => Some(Kind::Image),
        JobKind::Voice => Some(Kind::Voice),
        JobKind::Video => Some(Kind::Video),
        JobKind::Unknown => None,
    }
}

pub(crate) fn job_kind(kind: Kind) -> JobKind {
    match kind {
        Kind::Text => JobKind::Text,
        Kind::Image => JobKind::Image,
        Kind::Voice => JobKind::Voice,
        Kind::Video => JobKind::Video,
    }
}

/// The word for a kind, as a source's role and in the table of what was spent.
pub(crate) fn word_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Image => "image",
        Kind::Voice => "voice",
        Kind::Video => "video",
    }
}

pub(crate) fn input_of(input: &JobInput, blobs: &Blobs) -> Result<Input, EngineError> {
    let missing = || {
        EngineError::new(
            ErrorClass::InvalidRequest,
            "missing_source",
            format!("The source “{}” did not arrive. Run the agent again.", input.title),
        )
    };
    let file = |hash: &Option<String>| {
        hash.as_ref().map(|h| blobs.find(h).ok_or_else(missing)).transpose()
    };
    let role = match input.role.as_str() {
        "image" => Kind::Image,
        "voice" => Kind::Voice,
        "video" => Kind::Video,
        _ => Kind::Text,
    };
    Ok(Input {
        kind: role,
        title: input.title.clone(),
        text: input.text.clone(),
        file: file(&input.hash)?,
        hash: input.hash.clone().unwrap_or_default(),
        captions: file(&input.captions)?,
        label: input.label.clone(),
        ..Input::default()
    })
}

/// What an engine is asked for a job.
pub(crate) fn request_of(
    job: &NewJob,
    blobs: &Blobs,
    submission_id: String,
) -> Result<Request, EngineError> {
    let kind = kind_of(job.kind).ok_or_else(|| {
        EngineError::new(
            ErrorClass::InvalidRequest,
            "unknown_kind",
            "This version of oTo does not make this kind of work.",
        )
    })?;
    let inputs = job.inputs.iter().map(|i| input_of(i, blobs)).collect::<Result<Vec<_>, _>>()?;
    Ok(Request {
        kind,
        model: job.model.clone(),
        prompt: job.prompt.clone(),
        seed: job.seed,
        params: job.params.clone(),
        inputs,
        submission_id,
    })
}

/// An engine as the wire shows it.
pub(crate) fn engine_of(
    engine: &dyn engines::Engine,
    added: Option<&engines::Added>,
) -> api::Engine {
    let told = engine.describe();
    api::Engine {
        id: told.id,
        label: told.label,
        kinds: told.kinds.into_iter().map(job_kind).collect(),
        place: match told.place {
            engines::Place::Local => api::Place::Local,
            engines::Place::Loopback => api::Place::Loopback,
            engines::Place::Remote => api::Place::Remote,
        },
        draft: told.draft,
        needs_key: told.needs_key,
        params: told
            .params
            .into_iter()
            .map(|p| api::Parameter {
                name: p.name.to_owned(),
                default: p.default.to_owned(),
                choices: p.choices.iter().map(|c| (*c).to_owned()).collect(),
            })
            .collect(),
        base_url: added.map(|a| a.base_url.clone()),
        adapter: added.map(|a| a.adapter.clone()),
    }
}

/// A check as the wire shows it.
pub(crate) fn check_of(check: engines::Check) -> api::CheckResult {
    use engines::CheckState as From;
    let state = match check.state {
        From::Ready => api::CheckState::Ready,
        From::NoKey => api::CheckState::NoKey,
        From::Unauthorised => api::CheckState::Unauthorised,
        From::Unreachable => api::CheckState::Unreachable,
        From::NoModel => api::CheckState::NoModel,
        From::OutOfCredit => api::CheckState::OutOfCredit,
    };
    api::CheckResult { state, sentence: check.sentence, models: check.models }
}
