//! How a film gets its script: from what the user joined, else from an engine, with one repair and a
//! draft that stands in. Pure.

use super::script::{self, Script};
use super::settings::Settings;
use super::stages::{
    REPAIR, SCRIPT, SCRIPT_KEYS, begin, by_engine, failed, made, subject_of, texts, voices,
};
use crate::{EngineError, Input, Kind, Request, Stage, StageState, Stages};

/// How far the script is.
pub(super) enum ScriptNow {
    Here(Script),
    Make(Stage),
    Wait,
}

/// The scenes: from what the user joined, else from a script that is made first.
pub(super) fn script_of(
    request: &Request,
    settings: &Settings,
    stages: &Stages,
) -> Result<ScriptNow, EngineError> {
    let subject = subject_of(request);
    let said = |at: &Vec<usize>| {
        let texts = at.iter().filter_map(|i| request.inputs[*i].text.as_deref());
        texts.collect::<Vec<_>>().join("\n\n")
    };
    let voices = voices(request);
    if !voices.is_empty() {
        // Their words are the script; a voice that does not tell its words shows its name.
        let words = said(&voices);
        let words = if words.trim().is_empty() { subject.clone() } else { words };
        return Ok(ScriptNow::Here(script::of_text(&words, &subject, None)));
    }
    let texts = texts(request);
    if !texts.is_empty() {
        return Ok(ScriptNow::Here(script::of_any_text(&said(&texts), &subject)));
    }
    let local = Stage {
        key: SCRIPT.to_owned(),
        title: "Script".to_owned(),
        keeps_title: true,
        kind: Kind::Text,
        engine: "local-text".to_owned(),
        model: String::new(),
        prompt: subject.clone(),
        seed: request.seed,
        params: [("form".to_owned(), "narration".to_owned())].into(),
        from_stages: Vec::new(),
        from_inputs: Vec::new(),
    };
    let by = &settings.script;
    let first = if by.is_local() {
        local.clone()
    } else {
        let ask = script::ask(&subject, settings.style, settings.seconds, &settings.language, &[]);
        Stage { prompt: ask, ..by_engine(&local, by) }
    };
    let written = |input: &Input| input.text.clone().unwrap_or_default();
    if let Some(StageState::Made(input)) = stages.get(SCRIPT) {
        let text = written(input);
        if by.is_local() {
            let script = script::of_text(&text, &subject, Some(settings.seconds));
            return Ok(ScriptNow::Here(script));
        }
        match script::read(&text) {
            Ok(script) => return Ok(ScriptNow::Here(script)),
            Err(wrong) => {
                let repair = Stage {
                    key: REPAIR.to_owned(),
                    title: "Script, mended".to_owned(),
                    prompt: script::repair(&text, &wrong),
                    from_stages: vec![SCRIPT.to_owned()],
                    ..by_engine(&local, by)
                };
                match stages.get(REPAIR) {
                    None => return Ok(ScriptNow::Make(repair)),
                    Some(StageState::UnderWay) => return Ok(ScriptNow::Wait),
                    Some(StageState::Made(input)) => {
                        if let Ok(script) = script::read(&written(input)) {
                            return Ok(ScriptNow::Here(script));
                        }
                    }
                    Some(StageState::Failed(_) | StageState::Stopped(_)) => {}
                }
                // Twice no script: what it wrote is read as it stands, if it is a text at all.
                let plain = script::of_text(&text, &subject, Some(settings.seconds));
                if !plain.scenes.is_empty() && !text.trim_start().starts_with(['{', '[', '<']) {
                    return Ok(ScriptNow::Here(plain));
                }
                if !settings.fallback {
                    return Err(failed("Script", &wrong));
                }
            }
        }
        // The draft stands in below.
        let draft = Stage { key: SCRIPT_KEYS[0].to_owned(), ..local };
        return drafted(stages, draft, &subject, settings);
    }
    let stand_in = (settings.fallback && !by.is_local()).then(|| local.clone());
    match begin(stages, first, stand_in)? {
        Some(stage) => Ok(ScriptNow::Make(stage)),
        None if made(stages, SCRIPT).is_some() => {
            let draft = Stage { key: SCRIPT_KEYS[0].to_owned(), ..local };
            drafted(stages, draft, &subject, settings)
        }
        None => Ok(ScriptNow::Wait),
    }
}

fn drafted(
    stages: &Stages,
    draft: Stage,
    subject: &str,
    settings: &Settings,
) -> Result<ScriptNow, EngineError> {
    if let Some(StageState::Made(input)) = stages.get(&draft.key) {
        let text = input.text.clone().unwrap_or_default();
        return Ok(ScriptNow::Here(script::of_text(&text, subject, Some(settings.seconds))));
    }
    Ok(match begin(stages, draft, None)? {
        Some(stage) => ScriptNow::Make(stage),
        None => ScriptNow::Wait,
    })
}
