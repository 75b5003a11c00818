//! Which stages a film has: a script, then for each scene a voice and a visual, and music; a local
//! draft for a stage that failed. Pure.

use super::script::{self, Script, ScriptScene};
use super::script_stage::{ScriptNow, script_of};
use super::settings::{By, Settings};
use crate::outcome::title_from;
use crate::{
    EngineError, ErrorClass, Input, Kind, Next, Pipeline, Request, Stage, StageState, Stages,
};

pub(super) const SCRIPT: &str = "script";
pub(super) const REPAIR: &str = "script-repair";
/// The ways to a script, the last one first to be believed.
pub(super) const SCRIPT_KEYS: [&str; 3] = ["script-draft", REPAIR, SCRIPT];
pub(super) const MUSIC: &str = "music";
/// Behind the key of a stage that stands in for one that failed.
const DRAFT: &str = "-draft";

pub(super) fn voice_key(i: usize) -> String {
    format!("voice-{:02}", i + 1)
}

pub(super) fn visual_key(i: usize) -> String {
    format!("visual-{:02}", i + 1)
}

/// What the film is about: the prompt, else what its sources are called.
pub(super) fn subject_of(request: &Request) -> String {
    if !request.prompt.trim().is_empty() {
        return request.prompt.trim().to_owned();
    }
    let title = sources(request).map(|i| i.title.trim_end_matches('…')).find(|t| !t.is_empty());
    title.unwrap_or("Film").to_owned()
}

/// What the user joined to the film.
pub(super) fn sources(request: &Request) -> impl Iterator<Item = &Input> {
    request.inputs.iter().filter(|i| i.stage.is_none())
}

fn places(request: &Request, fits: impl Fn(&Input) -> bool) -> Vec<usize> {
    let all = request.inputs.iter().enumerate();
    all.filter(|(_, i)| i.stage.is_none() && fits(i)).map(|(at, _)| at).collect()
}

pub(super) fn voices(request: &Request) -> Vec<usize> {
    places(request, |i| i.kind == Kind::Voice && i.file.is_some())
}

pub(super) fn visuals(request: &Request) -> Vec<usize> {
    places(request, |i| matches!(i.kind, Kind::Image | Kind::Video) && i.file.is_some())
}

pub(super) fn texts(request: &Request) -> Vec<usize> {
    places(request, |i| {
        i.kind == Kind::Text && i.text.as_ref().is_some_and(|t| !t.trim().is_empty())
    })
}

/// What a stage, or the draft that stands in for it, made.
pub(super) fn made<'s>(stages: &'s Stages, key: &str) -> Option<&'s Input> {
    let of = |key: &str| match stages.get(key) {
        Some(StageState::Made(input)) => Some(input),
        _ => None,
    };
    of(key).or_else(|| of(&format!("{key}{DRAFT}")))
}

pub(super) fn failed(title: &str, why: &str) -> EngineError {
    EngineError::new(
        ErrorClass::InvalidRequest,
        "stage_failed",
        format!(
            "“{title}” could not be made: {why} What is made stays; “Try again” goes on from there."
        ),
    )
}

/// Begins a stage, or the local draft that stands in for it when it failed. None while it is under
/// way or made.
pub(super) fn begin(
    stages: &Stages,
    stage: Stage,
    stand_in: Option<Stage>,
) -> Result<Option<Stage>, EngineError> {
    match stages.get(&stage.key) {
        None => Ok(Some(stage)),
        Some(StageState::UnderWay | StageState::Made(_)) => Ok(None),
        Some(StageState::Stopped(why)) => Err(failed(&stage.title, why)),
        Some(StageState::Failed(why)) => match stand_in {
            Some(draft) => {
                let draft = Stage { key: format!("{}{DRAFT}", stage.key), ..draft };
                begin(stages, draft, None)
            }
            None => Err(failed(&stage.title, why)),
        },
    }
}

pub(super) fn by_engine(like: &Stage, by: &By) -> Stage {
    Stage {
        engine: by.engine.clone(),
        model: by.model.clone(),
        params: by.params.clone(),
        ..like.clone()
    }
}

/// The stages of one scene and of the music, without those the user has joined.
fn parts(
    request: &Request,
    settings: &Settings,
    script: &Script,
    stages: &Stages,
) -> Vec<[Option<Stage>; 2]> {
    let from_stages: Vec<String> = SCRIPT_KEYS
        .into_iter()
        .find(|key| matches!(stages.get(*key), Some(StageState::Made(_))))
        .map(str::to_owned)
        .into_iter()
        .collect();
    let from_inputs = if voices(request).is_empty() { texts(request) } else { voices(request) };
    let subject = subject_of(request);
    let n = script.scenes.len();
    let numbered =
        |what: &str, i: usize| if n == 1 { what.to_owned() } else { format!("{what} {}", i + 1) };
    let mut all = Vec::new();
    for (i, scene) in script.scenes.iter().enumerate() {
        let base = Stage {
            key: String::new(),
            title: String::new(),
            keeps_title: false,
            kind: Kind::Voice,
            engine: String::new(),
            model: String::new(),
            prompt: scene.narration.clone(),
            seed: request.seed.wrapping_add(i as u64),
            params: [("language".to_owned(), settings.language.clone())].into(),
            from_stages: from_stages.clone(),
            from_inputs: from_inputs.clone(),
        };
        if voices(request).is_empty() && !scene.narration.trim().is_empty() {
            let local = Stage {
                key: voice_key(i),
                title: numbered("Voice", i),
                engine: "local-voice".to_owned(),
                ..base.clone()
            };
            all.push(with_stand_in(local, &settings.voice, settings, None));
        }
        if visuals(request).is_empty() {
            all.push(visual(settings, scene, i, &subject, numbered("Scene", i), &base));
        }
    }
    if let Some(mood) = &settings.music {
        let seconds: f32 = script.scenes.iter().map(|s| length_of(s) + 0.8).sum();
        // It is repeated when it is shorter than the film.
        let seconds = (seconds.ceil() as u32).clamp(20, 60);
        let local = Stage {
            key: MUSIC.to_owned(),
            title: "Music".to_owned(),
            keeps_title: true,
            kind: Kind::Voice,
            engine: "local-music".to_owned(),
            model: String::new(),
            prompt: title_from(&subject),
            seed: request.seed,
            params: [
                ("mood".to_owned(), mood.clone()),
                ("seconds".to_owned(), seconds.to_string()),
            ]
            .into(),
            from_stages,
            from_inputs,
        };
        let asked =
            format!("Quiet instrumental background music for a short film about: {subject}");
        all.push(with_stand_in(local, &settings.music_by, settings, Some(asked)));
    }
    all
}

/// The stage at the engine that is set, and the local one when it may stand in.
fn with_stand_in(
    local: Stage,
    by: &By,
    settings: &Settings,
    asked: Option<String>,
) -> [Option<Stage>; 2] {
    if by.is_local() {
        let mut own = local;
        own.params.extend(by.params.clone());
        return [Some(own), None];
    }
    let mut first = by_engine(&local, by);
    if let Some(asked) = asked {
        first.prompt = asked;
    }
    [Some(first), settings.fallback.then_some(local)]
}

fn visual(
    settings: &Settings,
    scene: &ScriptScene,
    i: usize,
    subject: &str,
    title: String,
    base: &Stage,
) -> [Option<Stage>; 2] {
    let (positive, negative) = script::visual_prompt(scene, subject, settings.style);
    let kind = if settings.films { Kind::Video } else { Kind::Image };
    let style = if i % 3 == 2 { "auto" } else { "landscape" };
    let local = Stage {
        key: visual_key(i),
        title,
        kind: Kind::Image,
        engine: "local-image".to_owned(),
        // The film's own words lead, so that all scenes belong together.
        prompt: format!("{subject} {}", scene.visual),
        params: [
            ("aspect".to_owned(), settings.aspect_name.to_owned()),
            ("style".to_owned(), style.to_owned()),
        ]
        .into(),
        ..base.clone()
    };
    if settings.visual.is_local() {
        return with_stand_in(local, &settings.visual, settings, None);
    }
    let mut first = Stage { kind, ..by_engine(&local, &settings.visual) };
    if settings.visual.params.contains_key("workflow") {
        first.prompt = positive;
        first.params.entry("negative".to_owned()).or_insert(negative);
    } else {
        first.prompt =
            format!("{positive}\n\nFormat {}. Leave out: {negative}.", settings.aspect_name);
    }
    if settings.films {
        let seconds = length_of(scene).ceil().clamp(2.0, 12.0);
        first.params.entry("seconds".to_owned()).or_insert_with(|| format!("{seconds}"));
    }
    [Some(first), settings.fallback.then_some(local)]
}

/// About how long a scene lasts, in seconds.
fn length_of(scene: &ScriptScene) -> f32 {
    let spoken = scene.narration.split_whitespace().count() as f32 / 2.4;
    if spoken > 0.0 { spoken } else { scene.seconds.unwrap_or(4.0) }
}

/// True when everything is there already: a timeline, or an edit from elsewhere.
pub(super) fn is_assembly(request: &Request) -> bool {
    ["timeline", "edit"].iter().any(|name| !request.param(name, "").is_empty())
}

impl Pipeline for super::Film {
    fn needs(&self, request: &Request) -> Result<Vec<(String, String, Kind)>, EngineError> {
        if is_assembly(request) {
            return Ok(Vec::new());
        }
        let settings = Settings::of(request)?;
        let seen = if settings.films { Kind::Video } else { Kind::Image };
        let all = [
            ("script", &settings.script, Kind::Text),
            ("voice", &settings.voice, Kind::Voice),
            ("visual", &settings.visual, seen),
            ("music", &settings.music_by, Kind::Voice),
        ];
        let of = |(stage, by, kind): (&str, &By, Kind)| {
            (format!("{stage}.engine"), by.engine.clone(), kind)
        };
        Ok(all.into_iter().map(of).collect())
    }

    fn next(&self, request: &Request, stages: &Stages) -> Result<Next, EngineError> {
        if is_assembly(request) {
            return Ok(Next::Assemble);
        }
        if request.prompt.trim().is_empty() && sources(request).next().is_none() {
            return Err(EngineError::new(
                ErrorClass::InvalidRequest,
                "empty_prompt",
                "Write on the agent what the film is about, or join texts, pictures and voices to it.",
            ));
        }
        let settings = Settings::of(request)?;
        let script = match script_of(request, &settings, stages)? {
            ScriptNow::Here(script) => script,
            ScriptNow::Make(stage) => return Ok(Next::Make(vec![stage])),
            ScriptNow::Wait => return Ok(Next::Wait),
        };
        if script.scenes.is_empty() {
            return Err(failed("Script", "it has no scenes."));
        }
        let mut more = Vec::new();
        for [stage, stand_in] in parts(request, &settings, &script, stages) {
            let Some(stage) = stage else { continue };
            more.extend(begin(stages, stage, stand_in)?);
        }
        if !more.is_empty() {
            return Ok(Next::Make(more));
        }
        let waits = stages.values().any(|s| *s == StageState::UnderWay);
        Ok(if waits { Next::Wait } else { Next::Assemble })
    }

    /// Scripts come as JSON, and nobody wants to read that on a note.
    fn readable(&self, key: &str, text: &str) -> Option<String> {
        let script = SCRIPT_KEYS.contains(&key).then(|| script::read(text).ok()).flatten()?;
        let readable = script.to_text();
        // Only if nothing is lost by it.
        (script::read(&readable).as_ref() == Ok(&script)).then_some(readable)
    }

    /// The script is a fifth, the parts come up to seven tenths, what is left is the assembly.
    fn progress(&self, stages: &[(&str, f32)]) -> f32 {
        let is_script = |key: &str| key.starts_with(SCRIPT);
        // A part and the draft that stands in for it are one.
        let mut parts: std::collections::BTreeMap<&str, f32> = std::collections::BTreeMap::new();
        for (key, value) in stages.iter().filter(|(k, _)| !is_script(k)) {
            let far = parts.entry(key.trim_end_matches(DRAFT)).or_default();
            *far = far.max(*value);
        }
        if parts.is_empty() {
            let script = stages.iter().map(|(_, v)| *v).fold(0.0f32, f32::max);
            return 0.2 * script;
        }
        0.3 + 0.4 * parts.values().sum::<f32>() / parts.len() as f32
    }
}
