//! How a prompt ended, and the files that it made. An entry of the history is
//! `{prompt: [number, id, graph, extra, outputs], outputs: {node: {key: [{filename, subfolder,
//! type}]}}, status: {status_str, completed, messages: [[event, data]]}}` (`task_done` in ComfyUI's
//! execution.py). Any key may hold any file: films appear under `images` too.

use serde_json::Value;

use crate::http::{MAX_FILM, MAX_IMAGE, MAX_SOUND};
use crate::{EngineError, ErrorClass, Kind};

/// One file on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) filename: String,
    pub(super) subfolder: String,
    /// The server's folder: output or temp.
    pub(super) folder: String,
    pub(super) kind: Kind,
}

impl Made {
    fn read(file: &Value) -> Option<Self> {
        let filename = file["filename"].as_str()?.to_owned();
        let folder = file["type"].as_str().unwrap_or("output").to_owned();
        let kind = kind_of(&filename)?;
        let subfolder = file["subfolder"].as_str().unwrap_or_default().to_owned();
        // Files of the input folder are shown, not made.
        (folder != "input").then_some(Self { filename, subfolder, folder, kind })
    }

    /// Most bytes that are accepted.
    pub(super) fn cap(&self) -> u64 {
        match self.kind {
            Kind::Video => MAX_FILM,
            Kind::Voice => MAX_SOUND,
            Kind::Image | Kind::Text => MAX_IMAGE,
        }
    }
}

/// What a file is by its name; only to choose, its bytes decide later.
fn kind_of(filename: &str) -> Option<Kind> {
    let (_, ending) = filename.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "png" | "jpg" | "jpeg" | "webp" | "gif" => Some(Kind::Image),
        "mp4" | "webm" | "mov" | "m4v" => Some(Kind::Video),
        "wav" | "flac" | "mp3" | "ogg" | "opus" => Some(Kind::Voice),
        _ => None,
    }
}

/// The file that was asked for: a saved one before one that is only shown, else in the order of
/// the nodes. Without a kind, the most that there is.
pub(super) fn choose(entry: &Value, wanted: Option<Kind>) -> Option<Made> {
    let nodes = entry["outputs"].as_object()?;
    let mut ordered: Vec<(&String, &Value)> = nodes.iter().collect();
    ordered.sort_by_key(|(id, _)| (id.parse::<u64>().unwrap_or(u64::MAX), *id));
    let made: Vec<Made> = ordered
        .into_iter()
        .filter_map(|(_, keys)| keys.as_object())
        .flat_map(|keys| keys.values())
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Made::read)
        .collect();
    let kinds = wanted.map_or(vec![Kind::Video, Kind::Image, Kind::Voice], |kind| vec![kind]);
    kinds.into_iter().find_map(|kind| {
        let mut fitting = made.iter().filter(|m| m.kind == kind);
        let first = fitting.clone().next();
        fitting.find(|m| m.folder == "output").or(first).cloned()
    })
}

/// Nothing fitting was made.
pub(super) fn nothing_made(wanted: Option<Kind>) -> EngineError {
    let (what, node) = match wanted {
        Some(Kind::Video) => ("film", "Save Video"),
        Some(Kind::Voice) => ("sound", "Save Audio"),
        _ => ("picture", "Save Image"),
    };
    EngineError::new(
        ErrorClass::BadResponse,
        "nothing_made",
        format!(
            "The workflow ended without a {what}. In ComfyUI add a node such as {node} to it and export it again."
        ),
    )
}

/// Why it failed; none when it did not.
pub(super) fn failure(entry: &Value) -> Option<EngineError> {
    let status = &entry["status"];
    if status["status_str"].as_str() != Some("error") {
        return None;
    }
    let messages = status["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let event = |name: &str| messages.iter().rfind(|m| m[0] == name).map(|m| &m[1]);
    if event("execution_interrupted").is_some() {
        return Some(EngineError::new(
            ErrorClass::Canceled,
            "canceled",
            "It was stopped in ComfyUI. Run it again when you want it.",
        ));
    }
    let Some(data) = event("execution_error") else {
        return Some(EngineError::new(
            ErrorClass::InvalidRequest,
            "failed",
            "ComfyUI could not run the workflow. Look at its window for the reason, correct it and run it again.",
        ));
    };
    let node = plain(data["node_type"].as_str().unwrap_or("unknown"), 60);
    let said = plain(data["exception_message"].as_str().unwrap_or_default(), 300);
    let said = said.trim_end_matches('.');
    let kind = data["exception_type"].as_str().unwrap_or_default();
    let next = if kind.contains("OutOfMemory") {
        "The graphics memory is not enough: ask for a smaller size or fewer frames, or use a smaller model."
    } else {
        "Open the workflow in ComfyUI, correct it and export it again."
    };
    let message = format!("ComfyUI stopped at the node {node}: {said}. {next}");
    Some(EngineError::new(ErrorClass::InvalidRequest, "failed", message))
}

/// Foreign words in one line of bounded length.
fn plain(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_file_of_the_kind_is_chosen_wherever_it_is() {
        let file =
            |name: &str, folder: &str| json!({ "filename": name, "subfolder": "", "type": folder });
        let entry = json!({ "outputs": {
            "2": { "images": [file("shown.png", "temp"), file("in.png", "input")], "text": ["words"] },
            "10": { "images": [file("film.mp4", "output")], "animated": [true] },
            "11": { "images": [file("saved.png", "output")], "audio": [file("a.flac", "output")] },
            "12": { "odd": 4 },
        }});
        let chosen = |kind| choose(&entry, kind).map(|made| made.filename);
        assert_eq!(chosen(Some(Kind::Image)).as_deref(), Some("saved.png"));
        assert_eq!(chosen(Some(Kind::Video)).as_deref(), Some("film.mp4"));
        assert_eq!(chosen(Some(Kind::Voice)).as_deref(), Some("a.flac"));
        assert_eq!(chosen(None).as_deref(), Some("film.mp4"));
        assert_eq!(choose(&json!({ "outputs": {} }), None), None);
        assert_eq!(choose(&json!([]), None), None);
    }

    #[test]
    fn failures_are_told_in_a_sentence() {
        let entry =
            |messages: Value| json!({ "status": { "status_str": "error", "messages": messages } });
        let memory = entry(json!([["execution_start", {}], ["execution_error", {
            "node_type": "KSampler", "exception_type": "torch.OutOfMemoryError",
            "exception_message": "Allocation\non device",
        }]]));
        let error = failure(&memory).unwrap();
        assert!(error.message.contains("KSampler: Allocation on device. The graphics memory"));
        let stopped = entry(json!([["execution_interrupted", {}]]));
        assert_eq!(failure(&stopped).unwrap().class, ErrorClass::Canceled);
        assert_eq!(failure(&entry(json!(null))).unwrap().class, ErrorClass::InvalidRequest);
        assert_eq!(failure(&json!({ "status": { "status_str": "success" } })), None);
        assert_eq!(failure(&json!({})), None);
    }
}
