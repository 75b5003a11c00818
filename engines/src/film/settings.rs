//! What can be set for a film, the same in the window and as `--set` on the command line. Settings
//! of one stage have its name before a dot: `visual.engine`, `voice.model`, `visual.workflow`.

use std::collections::BTreeMap;

use oto_media::timeline::{Aspect, Captions, Fps, MAX_SECONDS, Style};

use crate::{EngineError, ErrorClass, Parameter, Request};

/// What shows and asks for nothing else.
pub(super) const PARAMETERS: &[(&str, &str, &[&str])] = &[
    ("aspect", "16:9", &["16:9", "9:16", "1:1"]),
    ("style", "cinematic", &Style::NAMES),
    ("seconds", "30", &["15", "30", "60", "90"]),
    ("size", "720", &["360", "720", "1080"]),
    ("fps", "30", &Fps::NAMES),
    ("captions", "style", &["style", "yes", "no"]),
    ("music", "auto", &["auto", "none", "calm", "bright", "wistful", "tense", "playful"]),
    ("titles", "yes", &["yes", "no"]),
    ("language", "auto", &["auto", "en", "fr", "de", "es", "it", "pt"]),
    ("voice", "", &[]),
    ("fallback", "yes", &["yes", "no"]),
    ("script.engine", "local-text", &[]),
    ("voice.engine", "local-voice", &[]),
    ("visual.engine", "local-image", &[]),
    ("visual.kind", "picture", &["picture", "film"]),
    ("music.engine", "local-music", &[]),
];

pub(super) fn parameters() -> Vec<Parameter> {
    let of = |(name, default, choices): &(&'static str, &'static str, &'static [&'static str])| {
        Parameter { name, default, choices }
    };
    PARAMETERS.iter().map(of).collect()
}

/// Who makes one stage, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct By {
    pub(super) engine: String,
    pub(super) model: String,
    /// Parameters of this stage alone.
    pub(super) params: BTreeMap<String, String>,
}

impl By {
    pub(super) fn is_local(&self) -> bool {
        self.engine.starts_with("local-")
    }
}

/// A film's settings, checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) style: Style,
    pub(super) aspect_name: &'static str,
    pub(super) size: [u32; 2],
    pub(super) fps: Fps,
    pub(super) seconds: u32,
    pub(super) captions: Captions,
    /// A mood, or none.
    pub(super) music: Option<String>,
    pub(super) titles: bool,
    pub(super) language: String,
    pub(super) films: bool,
    /// A local draft stands in for a stage that failed.
    pub(super) fallback: bool,
    pub(super) script: By,
    pub(super) voice: By,
    pub(super) visual: By,
    pub(super) music_by: By,
}

fn bad(message: String) -> EngineError {
    EngineError::new(ErrorClass::InvalidRequest, "bad_parameter", message)
}

fn yes(request: &Request, name: &str) -> Result<bool, EngineError> {
    match request.param(name, "yes") {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => Err(bad(format!("“{name}” is yes or no, not “{other}”."))),
    }
}

fn by(request: &Request, stage: &str, default: &str) -> By {
    let prefix = format!("{stage}.");
    let own = request.params.iter().filter_map(|(k, v)| Some((k.strip_prefix(&prefix)?, v)));
    let mut params: BTreeMap<String, String> =
        own.map(|(k, v)| (k.to_owned(), v.clone())).collect();
    params.remove("kind");
    let engine = params.remove("engine").filter(|e| !e.trim().is_empty());
    By {
        engine: engine.unwrap_or_else(|| default.to_owned()),
        model: params.remove("model").unwrap_or_default(),
        params,
    }
}

/// "1080", "1080p" or "1920x1080".
fn short_edge(text: &str) -> Option<(u32, Option<[u32; 2]>)> {
    if let Some((w, h)) = text.split_once(['x', '×']) {
        let (w, h) = (w.trim().parse::<u32>().ok()?, h.trim().parse::<u32>().ok()?);
        return Some((w.min(h), Some([w, h])));
    }
    Some((text.trim_end_matches('p').parse().ok()?, None))
}

/// Names that are no settings of the film but belong to it.
const OTHERS: [&str; 3] = ["quality", "timeline", "edit"];
/// Settings of a stage are passed on to its engine, whatever they are.
const STAGES: [&str; 4] = ["script.", "voice.", "visual.", "music."];

/// A name that nobody would look at is a slip.
fn check_names(request: &Request) -> Result<(), EngineError> {
    for name in request.params.keys() {
        let known = PARAMETERS.iter().any(|(n, _, _)| n == name)
            || OTHERS.contains(&name.as_str())
            || STAGES.iter().any(|stage| name.starts_with(stage));
        if !known {
            let all: Vec<&str> = PARAMETERS.iter().map(|(n, _, _)| *n).collect();
            return Err(bad(format!(
                "A film has no setting “{name}”; it has: {}.",
                all.join(", ")
            )));
        }
    }
    Ok(())
}

/// Of the engines inside oTo each stage has its own.
fn check_local(by: &By, stage: &str, own: &str) -> Result<(), EngineError> {
    if by.is_local() && by.engine != own {
        let engine = &by.engine;
        return Err(bad(format!(
            "“{stage}.engine” is {own} or an engine of yours, not “{engine}”."
        )));
    }
    Ok(())
}

impl Settings {
    pub(super) fn of(request: &Request) -> Result<Self, EngineError> {
        check_names(request)?;
        let style = request.param("style", "cinematic");
        let style = Style::parse(style).ok_or_else(|| {
            bad(format!("There is no style “{style}”; there are: {}.", Style::NAMES.join(", ")))
        })?;
        // Boards of the first versions say “quality”.
        let told = request.param("size", request.param("quality", "720"));
        let (short, whole) = short_edge(told)
            .filter(|(short, _)| (120..=1080).contains(short))
            .ok_or_else(|| {
                bad(format!("A film’s size is 120 to 1080 lines or like 1280x720, not “{told}”."))
            })?;
        let shape = whole.map(|[w, h]| match w.cmp(&h) {
            std::cmp::Ordering::Greater => "16:9",
            std::cmp::Ordering::Less => "9:16",
            std::cmp::Ordering::Equal => "1:1",
        });
        let aspect = request.param("aspect", shape.unwrap_or("16:9"));
        let aspect_name = ["16:9", "9:16", "1:1"]
            .into_iter()
            .find(|a| *a == aspect)
            .ok_or_else(|| bad(format!("A film is 16:9, 9:16 or 1:1, not “{aspect}”.")))?;
        let aspect = Aspect::parse(aspect_name).unwrap_or(Aspect::Wide);
        let fps = request.param("fps", "30");
        let fps = Fps::parse(fps)
            .ok_or_else(|| bad(format!("A film has {} frames a second.", Fps::NAMES.join(", "))))?;
        let seconds = request.param("seconds", "30");
        let seconds =
            seconds.parse::<u32>().ok().filter(|s| (5..=MAX_SECONDS).contains(s)).ok_or_else(
                || bad(format!("A film lasts 5 to {MAX_SECONDS} seconds, not “{seconds}”.")),
            )?;
        let captions = match request.param("captions", "style") {
            "style" => Captions::Style,
            "yes" => Captions::Burnt,
            "no" => Captions::Beside,
            other => {
                return Err(bad(format!("Captions are “style”, “yes” or “no”, not “{other}”.")));
            }
        };
        let music = match request.param("music", "auto") {
            "none" | "no" => None,
            mood if PARAMETERS.iter().any(|(n, _, c)| *n == "music" && c.contains(&mood)) => {
                Some(mood.to_owned())
            }
            other => {
                return Err(bad(format!(
                    "Music is none, auto, calm, bright, wistful, tense or playful, not “{other}”."
                )));
            }
        };
        let films = match request.param("visual.kind", "picture") {
            "picture" => false,
            "film" => true,
            other => {
                return Err(bad(format!("visual.kind is “picture” or “film”, not “{other}”.")));
            }
        };
        let mut voice = by(request, "voice", "local-voice");
        let wanted = request.param("voice", "");
        if !wanted.is_empty() {
            voice.params.entry("voice".to_owned()).or_insert_with(|| wanted.to_owned());
        }
        let language = request.param("language", "auto");
        let languages = PARAMETERS.iter().find(|(n, _, _)| *n == "language").map(|(_, _, c)| *c);
        if voice.is_local() && !languages.is_some_and(|all| all.contains(&language)) {
            let all = languages.unwrap_or_default().join(", ");
            return Err(bad(format!("The local voice speaks {all}, not “{language}”.")));
        }
        let (script, visual) =
            (by(request, "script", "local-text"), by(request, "visual", "local-image"));
        let music_by = by(request, "music", "local-music");
        check_local(&script, "script", "local-text")?;
        check_local(&voice, "voice", "local-voice")?;
        check_local(&visual, "visual", "local-image")?;
        check_local(&music_by, "music", "local-music")?;
        if films && visual.is_local() {
            return Err(bad(
                "The painter inside oTo makes pictures only; name an engine that makes films as visual.engine."
                    .to_owned(),
            ));
        }
        Ok(Self {
            style,
            aspect_name,
            size: aspect.size(short),
            fps,
            seconds,
            captions,
            music,
            titles: yes(request, "titles")?,
            language: language.to_owned(),
            films,
            fallback: yes(request, "fallback")?,
            script,
            voice,
            visual,
            music_by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    pub(crate) fn request(params: &[(&str, &str)]) -> Request {
        Request {
            kind: Kind::Video,
            model: String::new(),
            prompt: "a tram".to_owned(),
            seed: 1,
            params: params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            inputs: Vec::new(),
            submission_id: String::new(),
        }
    }

    #[test]
    fn settings_are_read_and_wrong_ones_told() {
        let s = Settings::of(&request(&[
            ("size", "1920x1080"),
            ("visual.engine", "comfy"),
            ("visual.workflow", "{}"),
            ("voice", "nova"),
        ]))
        .unwrap();
        assert_eq!((s.size, s.aspect_name), ([1920, 1080], "16:9"));
        assert_eq!(
            (s.visual.engine.as_str(), s.visual.params["workflow"].as_str()),
            ("comfy", "{}")
        );
        assert_eq!(s.voice.params["voice"], "nova");
        assert_eq!(Settings::of(&request(&[("size", "1080x1080")])).unwrap().aspect_name, "1:1");
        for (name, value) in [
            ("style", "baroque"),
            ("size", "9000"),
            ("size", "wide"),
            ("aspect", "4:3"),
            ("fps", "31"),
            ("seconds", "0"),
            ("seconds", "many"),
            ("captions", "maybe"),
            ("music", "loud"),
            ("titles", "perhaps"),
            ("visual.kind", "dance"),
            ("visual.kind", "film"),
            ("visual.engine", "local-nonsense"),
            ("voice.engine", "local-image"),
            ("script.engine", "local-film"),
            ("language", "klingon"),
            ("nonsense", "1"),
        ] {
            let error = Settings::of(&request(&[(name, value)])).unwrap_err();
            assert!(
                error.message.ends_with('.') && error.code == "bad_parameter",
                "{name}={value}"
            );
        }
    }
}
