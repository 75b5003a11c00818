//! The last stage: what was made and joined becomes a timeline, and the timeline a film.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oto_media::caption::{cues_to_vtt, estimated_words, words_from_vtt};
use oto_media::timeline::{
    Container, Fps, Motion, Pictures, Renderer, Shot, Style, TIMELINE_VERSION, Timeline,
    Transition, Visual, export, mix, trim_silence,
};

use super::cut::{Part, Said, Seen, timeline};
use super::script_stage::{ScriptNow, script_of};
use super::settings::Settings;
use super::stages::{MUSIC, SCRIPT_KEYS, made, subject_of, visual_key, visuals, voice_key, voices};
use crate::outcome::title_from;
use crate::{
    Body, Context, EngineError, ErrorClass, Input, Kind, Outcome, Output, OutputRole, Request,
    StageState, Stages, Submitted,
};

/// Samples of sounds, by asset.
type Sounds = BTreeMap<String, Arc<Vec<[f32; 2]>>>;

/// How much of the whole is done before the assembly begins.
const BEFORE: f32 = 0.7;

fn check_stop(context: &Context) -> Result<(), EngineError> {
    if context.cancel.is_cancelled() {
        return Err(EngineError::canceled());
    }
    Ok(())
}

fn bad(message: String) -> EngineError {
    EngineError::new(ErrorClass::InvalidRequest, "bad_timeline", message)
}

fn sound_of(context: &Context, path: &Path) -> Result<Arc<Vec<[f32; 2]>>, EngineError> {
    Ok(Arc::new(context.workers.sound(path)?.to_stereo_48k()))
}

/// A voice with its words: told by its engine, else spread by letters.
fn said(
    context: &Context,
    input: &Input,
    text: &str,
    sounds: &mut Sounds,
) -> Result<Said, EngineError> {
    let path = input.file.as_ref().ok_or_else(|| bad("A voice has no sound.".to_owned()))?;
    let samples = match sounds.get(&input.hash) {
        Some(samples) => Arc::clone(samples),
        None => sound_of(context, path)?,
    };
    sounds.insert(input.hash.clone(), Arc::clone(&samples));
    let told = input.captions.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    let told = told.map(|vtt| words_from_vtt(&vtt)).filter(|words| !words.is_empty());
    let estimated = told.is_none();
    let heard = trim_silence(&samples);
    let words = told.unwrap_or_else(|| {
        let ms = |n: usize| (n as u64 / 48) as u32;
        let mut words = estimated_words(text, ms(heard.len()));
        for word in &mut words {
            word.start_ms += ms(heard.start);
            word.end_ms += ms(heard.start);
        }
        words
    });
    Ok(Said { asset: input.hash.clone(), from: heard.start, to: heard.end, words, estimated })
}

/// The stages among the inputs, by key. A way to the script that is not there has failed: nothing
/// is put together before all have ended.
fn stages_of(request: &Request) -> Stages {
    let lost = SCRIPT_KEYS.map(|key| (key.to_owned(), StageState::Failed(String::new())));
    let made = request.inputs.iter().filter_map(|i| Some((i.stage.clone()?, i.clone())));
    let made = made.map(|(key, input)| (key, StageState::Made(input)));
    lost.into_iter().chain(made).collect()
}

/// Lays the film out from its stages and the user's own works.
fn lay_out(
    context: &Context,
    request: &Request,
    settings: &Settings,
    sounds: &mut Sounds,
) -> Result<(Timeline, String), EngineError> {
    let stages = stages_of(request);
    let ScriptNow::Here(script) = script_of(request, settings, &stages)? else {
        return Err(EngineError::new(
            ErrorClass::Internal,
            "no_script",
            "The parts of this film are not there; try again.",
        ));
    };
    let mut narration = Vec::new();
    for at in voices(request) {
        let input = &request.inputs[at];
        let text = input.text.clone().unwrap_or_default();
        narration.push(said(context, input, &text, sounds)?);
        check_stop(context)?;
    }
    let mut parts = Vec::new();
    let mut seen: Vec<Seen> = Vec::new();
    let see =
        |input: &Input| Seen { asset: input.hash.clone(), is_film: input.kind == Kind::Video };
    for (i, scene) in script.scenes.iter().enumerate() {
        let own = made(&stages, &voice_key(i)).filter(|_| narration.is_empty());
        let said = own.map(|input| said(context, input, &scene.narration, sounds)).transpose()?;
        let n_words = scene.narration.split_whitespace().count();
        parts.push(Part { said, n_words, seconds: scene.seconds });
        seen.extend(made(&stages, &visual_key(i)).map(see));
        check_stop(context)?;
    }
    if seen.is_empty() {
        seen.extend(visuals(request).into_iter().map(|at| see(&request.inputs[at])));
    }
    let subject = subject_of(request);
    let title = if script.title.trim().is_empty() { title_of(&subject) } else { script.title };
    let music = made(&stages, MUSIC);
    if let Some(input) = music
        && let Some(path) = &input.file
    {
        sounds.insert(input.hash.clone(), sound_of(context, path)?);
    }
    let shown = settings.titles.then_some(title.as_str());
    let bed = music.map(|input| input.hash.clone());
    let film = timeline(settings, request.seed, shown, &parts, &narration, &seen, bed);
    film.check().map_err(bad)?;
    Ok((film, title))
}

/// What stands on the title card: the subject, if it is short enough to be read at a glance.
fn title_of(subject: &str) -> String {
    let line = subject.lines().next().unwrap_or_default().trim();
    if line.chars().count() <= 80 { line.to_owned() } else { title_from(subject) }
}

/// A timeline that was edited: its sounds are read again.
fn edited(
    context: &Context,
    request: &Request,
    json: &str,
    sounds: &mut Sounds,
) -> Result<(Timeline, String), EngineError> {
    let film = Timeline::parse(json).map_err(bad)?;
    let heard = film.voice.iter().map(|c| &c.asset).chain(film.bed.iter().map(|b| &b.asset));
    for asset in heard {
        let path = find(request, asset).ok_or_else(|| {
            bad("A sound of this timeline is not on the board any more.".to_owned())
        })?;
        if !sounds.contains_key(asset) {
            sounds.insert(asset.clone(), sound_of(context, &path)?);
        }
    }
    Ok((film, title_from(&subject_of(request))))
}

fn find(request: &Request, asset: &str) -> Option<PathBuf> {
    request.inputs.iter().find(|i| i.hash == asset).and_then(|i| i.file.clone())
}

/// Makes the film. Blocks.
pub(super) fn assemble(context: &Context, request: &Request) -> Result<Submitted, EngineError> {
    context.report(BEFORE, "putting the film together");
    let mut sounds = Sounds::new();
    let (film, title) = match request.param("timeline", "") {
        "" => lay_out(context, request, &Settings::of(request)?, &mut sounds)?,
        json => edited(context, request, json, &mut sounds)?,
    };
    check_stop(context)?;
    let sound = mix(&film, &sounds);
    drop(sounds);
    let vtt = cues_to_vtt(&film.cues);
    let record = film.to_json().into_bytes();
    let text = film.cues.iter().map(|c| c.text.replace('\n', " ")).collect::<Vec<_>>().join(" ");
    let size_px = film.size;
    let label = label_of(request, &film);
    let pictures = Pictures::open(&context.workers, &film, &|asset| find(request, asset))?;
    let renderer = Renderer::new(film, pictures);
    let path = context.folder.join("film.bin");
    let report = export(&context.workers, &renderer, &sound, &path, &|done| {
        context.report(BEFORE + (1.0 - BEFORE) * done, "encoding the film");
        !context.cancel.is_cancelled()
    })?;
    let average_rgb = context.probe.film(&path)?.average_rgb;
    let small = |role, bytes| Output {
        role,
        body: Body::Memory(bytes),
        size_px: [0, 0],
        duration_ms: 0,
        average_rgb: 0,
    };
    let main = Output {
        role: OutputRole::Main,
        body: Body::File(path),
        size_px,
        duration_ms: report.duration_ms,
        average_rgb,
    };
    Ok(Submitted::Finished(Outcome {
        outputs: vec![
            main,
            small(OutputRole::Captions, vtt.into_bytes()),
            small(OutputRole::Timeline, record),
        ],
        title,
        text,
        model: String::new(),
        label,
        cost_micro: Some(0),
        draft: false,
    }))
}

/// What it is, openly: from how many works, and which of them are drafts.
fn label_of(request: &Request, film: &Timeline) -> String {
    let n = film.assets().len();
    let mut label =
        format!("Film assembled here from {n} {}", if n == 1 { "work" } else { "works" });
    let mut told: Vec<&str> =
        request.inputs.iter().flat_map(|i| i.label.split("; ")).filter(|l| !l.is_empty()).collect();
    told.sort_unstable();
    told.dedup();
    for part in told {
        label.push_str("; ");
        label.push_str(part);
    }
    label
}

/// Encodes ten small frames, to say whether films can be written here and as what.
pub(super) fn try_encoder(context: &Context) -> Result<&'static str, EngineError> {
    let card = Shot {
        frames: 10,
        visual: Visual::Card { text: "oTo".to_owned() },
        motion: Motion::None,
        transition: Transition::default(),
    };
    let film = Timeline {
        version: TIMELINE_VERSION,
        size: [320, 184],
        fps: Fps::DEFAULT,
        seed: 0,
        style: Style::Minimal,
        shots: vec![card],
        voice: Vec::new(),
        bed: None,
        cues: Vec::new(),
        captions: oto_media::timeline::Captions::Beside,
    };
    let path = context.folder.join("probe.bin");
    let sound = vec![[0.0; 2]; 16_000];
    let renderer = Renderer::new(film, Pictures::default());
    let report = export(&context.workers, &renderer, &sound, &path, &|_| true)?;
    // Only a probe: the file is of no use to anybody.
    std::fs::remove_file(&path).ok();
    Ok(match report.container {
        Container::Mp4 => "MP4 (H.264 and AAC)",
        Container::WebM => "WebM (VP9 and Opus)",
    })
}
