//! The stages of a film, each local: what was joined to it is used, the rest is made here.

use oto_media::caption::{Cue, Word, cues, cues_to_vtt, estimated_words, words_from_vtt};
use oto_media::picture::Picture;
use oto_media::timeline::{
    Aspect, Container, DISSOLVE_FRAMES, FPS, Renderer, SAMPLE_RATE, Shot, Timeline, Visual, export,
    mix,
};

use super::plan::scenes_of;
use crate::local::{paint, voice_for, write};
use crate::outcome::title_from;
use crate::{
    Body, Context, EngineError, ErrorClass, Kind, Outcome, Output, OutputRole, Request, Submitted,
};

const TITLE_MS: u32 = 2_000;
/// Silence before and after the narration.
const LEAD_MS: u32 = 100;
const TAIL_MS: u32 = 300;

struct Narration {
    samples: Vec<[f32; 2]>,
    words: Vec<Word>,
    drafts: Vec<&'static str>,
}

/// What the film is about: the prompt, else what its sources are called.
fn subject_of(request: &Request) -> String {
    if !request.prompt.trim().is_empty() {
        return request.prompt.clone();
    }
    let title =
        request.inputs.iter().map(|i| i.title.trim_end_matches('…')).find(|t| !t.is_empty());
    title.unwrap_or("Film").to_owned()
}

fn check_stop(context: &Context) -> Result<(), EngineError> {
    if context.cancel.is_cancelled() {
        return Err(EngineError::canceled());
    }
    Ok(())
}

fn ms_of(samples: usize) -> u32 {
    (samples as u64 * 1000 / u64::from(SAMPLE_RATE)) as u32
}

fn frame_at(ms: u32) -> u32 {
    ((u64::from(ms) * u64::from(FPS) + 500) / 1000) as u32
}

/// The joined voices one after the other; without any, the joined texts or a text written here,
/// read by the local voice.
fn narrate(context: &Context, request: &Request) -> Result<Narration, EngineError> {
    let mut narration = Narration { samples: Vec::new(), words: Vec::new(), drafts: Vec::new() };
    let pause = (SAMPLE_RATE / 2) as usize;
    for input in request.inputs.iter().filter(|i| i.kind == Kind::Voice) {
        let Some(file) = &input.file else { continue };
        if !narration.samples.is_empty() {
            narration.samples.resize(narration.samples.len() + pause, [0.0; 2]);
        }
        let offset = ms_of(narration.samples.len());
        let pcm = context.workers.sound(file)?;
        let timed = input.captions.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let words = match timed {
            Some(vtt) => words_from_vtt(&vtt),
            None => {
                let said = input.text.clone().unwrap_or_else(|| request.words());
                estimated_words(&said, pcm.duration_ms() as u32)
            }
        };
        narration.words.extend(words.into_iter().map(|w| Word {
            start_ms: w.start_ms + offset,
            end_ms: w.end_ms + offset,
            text: w.text,
        }));
        narration.samples.extend(pcm.to_stereo_48k());
    }
    if !narration.samples.is_empty() {
        return Ok(narration);
    }
    let texts: Vec<&str> = request
        .inputs
        .iter()
        .filter(|i| i.kind == Kind::Text)
        .filter_map(|i| i.text.as_deref())
        .filter(|t| !t.trim().is_empty())
        .collect();
    let script = if texts.is_empty() {
        narration.drafts.push(crate::local::Writer::LABEL);
        write(&subject_of(request), "narration", request.seed)
    } else {
        texts.join("\n\n")
    };
    context.report(0.06, "speaking");
    let language = voice_for(request.param("language", "auto"), &script).to_owned();
    let speech = context.workers.speak(&script, &language, 150)?;
    narration.drafts.push(crate::local::Voice::LABEL);
    narration.samples = speech.pcm.to_stereo_48k();
    narration.words = speech.words;
    Ok(narration)
}

/// The joined pictures; without any, one painted for each scene.
fn illustrate(
    context: &Context,
    request: &Request,
    scenes: &[super::Scene],
    size: [u32; 2],
    drafts: &mut Vec<&'static str>,
) -> Result<Vec<Picture>, EngineError> {
    let mut pictures = Vec::new();
    let longest = size[0].max(size[1]) * 2;
    for input in request.inputs.iter().filter(|i| i.kind == Kind::Image) {
        if let Some(file) = &input.file {
            pictures.push(context.workers.picture(file, longest)?.0);
        }
    }
    if !pictures.is_empty() {
        return Ok(pictures);
    }
    drafts.push(crate::local::Painter::LABEL);
    let larger = size.map(|v| v * 9 / 8);
    for (i, scene) in scenes.iter().enumerate() {
        check_stop(context)?;
        context.report(0.08 + 0.12 * i as f32 / scenes.len() as f32, "painting the scenes");
        // The film's own words lead, so that all scenes belong together.
        let about = format!("{} {}", request.prompt, scene.text);
        let style = if i % 3 == 2 { "auto" } else { "landscape" };
        pictures.push(paint(&about, style, request.seed.wrapping_add(i as u64), larger));
    }
    Ok(pictures)
}

fn shots_of(
    scenes: &[super::Scene],
    first_frame: u32,
    last_frame: u32,
    pictures: usize,
    title: Option<&str>,
) -> Vec<Shot> {
    let mut shots = Vec::new();
    if let Some(title) = title {
        shots.push(Shot {
            start_frame: 0,
            frames: first_frame,
            visual: Visual::Card(title.to_owned()),
        });
    }
    let narration_at = |ms: u32| first_frame + frame_at(ms + LEAD_MS);
    for (i, scene) in scenes.iter().enumerate() {
        let start = if i == 0 { first_frame } else { narration_at(scene.start_ms) };
        let end = if i + 1 == scenes.len() { last_frame } else { narration_at(scene.end_ms) };
        // More pictures than scenes: a scene shows several of them, one after the other.
        let from = i * pictures / scenes.len();
        let to = ((i + 1) * pictures / scenes.len()).max(from + 1);
        let parts = (to - from).min(((end.saturating_sub(start)) / FPS).max(1) as usize);
        for part in 0..parts {
            let cut = |k: usize| start + (end - start) * k as u32 / parts as u32;
            shots.push(Shot {
                start_frame: cut(part),
                frames: cut(part + 1) - cut(part),
                visual: Visual::Still((from + part) % pictures.max(1)),
            });
        }
    }
    shots.retain(|s| s.frames > 0);
    // Neighbours overlap: each but the last stays while the next one dissolves in.
    let n = shots.len();
    for shot in &mut shots[..n.saturating_sub(1)] {
        shot.frames += DISSOLVE_FRAMES;
    }
    if let Some(last) = shots.last_mut() {
        last.frames = last_frame.saturating_sub(last.start_frame).max(1);
    }
    shots
}

pub(super) fn assemble(context: &Context, request: &Request) -> Result<Submitted, EngineError> {
    let bad =
        |message: String| EngineError::new(ErrorClass::InvalidRequest, "bad_parameter", message);
    let aspect = request.param("aspect", "16:9");
    let aspect = Aspect::parse(aspect)
        .ok_or_else(|| bad(format!("A film is 16:9, 9:16 or 1:1, not “{aspect}”.")))?;
    let quality = request.param("quality", "720");
    let short =
        quality.parse::<u32>().ok().filter(|q| (120..=1080).contains(q)).ok_or_else(|| {
            bad(format!("A film's quality is 120 to 1080 lines, not “{quality}”."))
        })?;
    if request.prompt.trim().is_empty() && request.inputs.is_empty() {
        return Err(EngineError::new(
            ErrorClass::InvalidRequest,
            "empty_prompt",
            "Write on the agent what the film is about, or join texts, pictures and voices to it.",
        ));
    }
    context.report(0.02, "reading the script");
    let mut narration = narrate(context, request)?;
    check_stop(context)?;
    let said_ms = ms_of(narration.samples.len());
    if said_ms > 900_000 {
        return Err(bad("A film may last up to 15 minutes; shorten the text.".to_owned()));
    }
    let size = aspect.size(short);
    let own_pictures = request.inputs.iter().filter(|i| i.kind == Kind::Image).count();
    let wanted = if own_pictures > 0 { own_pictures.max(3) } else { 3 };
    let scenes = scenes_of(&narration.words, said_ms, wanted);
    let pictures = illustrate(context, request, &scenes, size, &mut narration.drafts)?;
    let about = subject_of(request);
    let title = title_from(&about);
    let with_titles = request.param("titles", "yes") != "no";
    let title_ms = if with_titles { TITLE_MS } else { 0 };
    let first_frame = frame_at(title_ms);
    let frames = frame_at(title_ms + LEAD_MS + said_ms + TAIL_MS);
    let shots = shots_of(
        &scenes,
        first_frame,
        frames,
        pictures.len(),
        with_titles.then_some(title.as_str()),
    );
    let shift = title_ms + LEAD_MS;
    let film_cues: Vec<Cue> = cues(&narration.words)
        .into_iter()
        .map(|c| Cue { start_ms: c.start_ms + shift, end_ms: c.end_ms + shift, text: c.text })
        .collect();
    let vtt = cues_to_vtt(&film_cues);
    let burnt_in = if request.param("captions", "yes") == "no" { Vec::new() } else { film_cues };
    let timeline = Timeline { version: 1, size, frames, seed: request.seed, shots, cues: burnt_in };
    let record = serde_json::to_vec_pretty(&timeline).unwrap_or_default();
    let total = u64::from(frames) * u64::from(SAMPLE_RATE) / u64::from(FPS);
    let sound = mix(
        &[(u64::from(shift) * u64::from(SAMPLE_RATE) / 1000, narration.samples.as_slice())],
        total,
    );
    let renderer = Renderer::new(timeline, &pictures);
    let path = context.folder.join("film.bin");
    let progress = |done: f32| {
        context.report(0.2 + 0.78 * done, "drawing and encoding");
        !context.cancel.is_cancelled()
    };
    let report = export(&context.workers, &renderer, &sound, &path, &progress)?;
    let average_rgb = pictures.first().map_or(0x80_80_80, Picture::average_rgb);
    let mut label = match request.inputs.len() {
        0 => "Film assembled here".to_owned(),
        n => format!("Film assembled here from {n} works"),
    };
    for draft in &narration.drafts {
        label.push_str("; ");
        label.push_str(draft);
    }
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
        size_px: size,
        duration_ms: report.duration_ms,
        average_rgb,
    };
    let text = narration.words.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
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
    }))
}

/// Encodes ten small frames, to say whether films can be written here and as what.
pub(super) fn try_encoder(context: &Context) -> Result<&'static str, EngineError> {
    let shots = vec![Shot { start_frame: 0, frames: 10, visual: Visual::Card("oTo".to_owned()) }];
    let timeline =
        Timeline { version: 1, size: [320, 184], frames: 10, seed: 0, shots, cues: Vec::new() };
    let path = context.folder.join("probe.bin");
    let sound = vec![[0.0; 2]; 16_000];
    let report = export(&context.workers, &Renderer::new(timeline, &[]), &sound, &path, &|_| true)?;
    // Only a probe: the file is of no use to anybody.
    std::fs::remove_file(&path).ok();
    Ok(match report.container {
        Container::Mp4 => "MP4 (H.264 and AAC)",
        Container::WebM => "WebM (VP9 and Opus)",
    })
}
