//! A film from an edit for Shotstack, made here: what its clips show is fetched from the web and the
//! edit becomes a timeline. What oTo does not draw is told with the film.

use std::future::Future;
use std::path::{Path, PathBuf};

use oto_media::caption::{Cue, words_from_vtt};
use oto_media::sniff::{Sniffed, sniff};
use oto_media::timeline::{Clip, MAX_SHOTS};

use super::assemble::assemble;
use crate::http::{MAX_FILM, MAX_IMAGE, MAX_SOUND, fetch_public, invalid};
use crate::remote::shotstack::edit::Edit;
use crate::remote::shotstack::flat::Shows;
use crate::remote::shotstack::{Imported, import, is_public};
use crate::{Context, EngineError, Input, Kind, Request, Submitted};

/// Most that is fetched for one film.
const MOST: u64 = 8 << 30;
/// Most that is told of what is not shown.
const MOST_LISTED: usize = 100;
/// Largest file of captions.
const MAX_CAPTIONS: u64 = 1 << 20;

/// Makes the film.
pub(super) async fn film(context: &Context, request: &Request) -> Result<Submitted, EngineError> {
    let fetch = async |link: String, cap: u64, path: PathBuf| fetch_public(&link, cap, &path).await;
    let (asks, hidden) = prepare(context, request, fetch).await?;
    let made = context.blocking(move |context| assemble(context, &asks)).await?;
    let Submitted::Finished(mut outcome) = made else { return Ok(made) };
    outcome.label.push_str("; from an edit for Shotstack");
    if !hidden.is_empty() {
        outcome.label.push_str(&format!(", {} of it not shown or otherwise", hidden.len()));
        let list = hidden.iter().take(MOST_LISTED).map(|line| format!("\n- {line}"));
        outcome.text.push_str("\n\nNot shown as in the edit:");
        outcome.text.extend(list);
    }
    Ok(Submitted::Finished(outcome))
}

/// Fetches files for one film, up to a sum.
struct Fetcher<'a, F> {
    context: &'a Context,
    fetch: F,
    left: u64,
    n: usize,
}

impl<F, Fut> Fetcher<'_, F>
where
    F: Fn(String, u64, PathBuf) -> Fut,
    Fut: Future<Output = Result<(), EngineError>>,
{
    async fn get(&mut self, link: &str, cap: u64) -> Result<PathBuf, EngineError> {
        let told: String = link.chars().filter(|c| !c.is_control()).take(200).collect();
        if !is_public(link) {
            return Err(invalid(&format!(
                "oTo does not open “{told}”: every file of the edit must lie at a public address that begins with https://."
            )));
        }
        self.n += 1;
        self.context.report(0.0, &format!("fetching file {}", self.n));
        let path = self.context.folder.join(format!("source-{}.bin", self.n));
        let fetched = tokio::select! {
            fetched = (self.fetch)(link.to_owned(), cap.min(self.left), path.clone()) => fetched,
            () = self.context.cancel.cancelled() => Err(EngineError::canceled()),
        };
        fetched.map_err(|error| match error.class {
            crate::ErrorClass::BadResponse | crate::ErrorClass::Expired => {
                invalid(&format!("“{told}” of this edit cannot be fetched: it is not there, too large, or leads to an address oTo does not open."))
            }
            _ => error,
        })?;
        let length = tokio::fs::metadata(&path).await.map_or(0, |file| file.len());
        self.left = self.left.saturating_sub(length);
        Ok(path)
    }
}

/// A file as an input, told by its bytes.
fn input_of(path: &Path, kind: Kind) -> std::io::Result<Option<Input>> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(4_096).read_to_end(&mut head)?;
    let is = |what: &str| sniff(&head).is_some_and(|s| s.mime().starts_with(what));
    let fits = match kind {
        Kind::Image => sniff(&head).is_some_and(Sniffed::is_image),
        Kind::Video => is("video/"),
        Kind::Voice => is("audio/") || is("video/"),
        Kind::Text => false,
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    let hash = hasher.finalize().to_hex().to_string();
    Ok(fits.then(|| Input { kind, file: Some(path.to_owned()), hash, ..Input::default() }))
}

async fn input(
    context: &Context,
    path: PathBuf,
    kind: Kind,
    link: &str,
) -> Result<Input, EngineError> {
    let found = context.blocking(move |_| Ok(input_of(&path, kind))).await?;
    let found = found.map_err(|error| {
        EngineError::new(
            crate::ErrorClass::Internal,
            "disk",
            format!("A file could not be read: {error}"),
        )
    })?;
    found.ok_or_else(|| {
        let told: String = link.chars().filter(|c| !c.is_control()).take(200).collect();
        invalid(&format!(
            "“{told}” of this edit is not what the edit says, or of a kind oTo does not open."
        ))
    })
}

/// The request for a film from a timeline, and what the film will not show.
async fn prepare<F, Fut>(
    context: &Context,
    request: &Request,
    fetch: F,
) -> Result<(Request, Vec<String>), EngineError>
where
    F: Fn(String, u64, PathBuf) -> Fut,
    Fut: Future<Output = Result<(), EngineError>>,
{
    let edit = Edit::parse(request.param("edit", ""))?;
    let Imported { mut film, sources, mut hidden, .. } = import(&edit);
    if film.shots.is_empty() && film.cues.is_empty() {
        return Err(invalid("oTo finds nothing in this edit that it can show."));
    }
    if film.shots.len() > MAX_SHOTS || sources.pictures.len() > MAX_SHOTS {
        return Err(invalid("This edit has more clips than a film of oTo may have: 400."));
    }
    let mut fetcher = Fetcher { context, fetch, left: MOST, n: 0 };
    let mut inputs: Vec<Input> = Vec::new();
    let mut pictures = Vec::new();
    for (at, link) in sources.pictures.iter().enumerate() {
        let is_film = film.shots.iter().any(|s| matches!(s.visual, Shows::Film(n, _) if n == at));
        let (kind, cap) = if is_film { (Kind::Video, MAX_FILM) } else { (Kind::Image, MAX_IMAGE) };
        let path = fetcher.get(link, cap).await?;
        let input = input(context, path, kind, link).await?;
        pictures.push(input.hash.clone());
        inputs.push(input);
    }
    let mut sound = None;
    if let Some(link) = &sources.sound {
        let path = fetcher.get(link, MAX_SOUND).await?;
        let input = input(context, path, Kind::Voice, link).await?;
        sound = Some(input.hash.clone());
        inputs.push(input);
    }
    match sources.captions.as_deref() {
        Some(link) if link.starts_with("alias://") => {
            hidden.push("captions that Shotstack hears itself are not shown".to_owned());
        }
        Some(link) => {
            let path = fetcher.get(link, MAX_CAPTIONS).await?;
            let text = tokio::fs::read(&path).await.unwrap_or_default();
            // SubRip is the same with a comma before the thousandths.
            let lines = String::from_utf8_lossy(&text).replace("\r\n", "\n");
            let lines = lines.split('\n').map(|line| {
                if line.contains("-->") { line.replace(',', ".") } else { line.to_owned() }
            });
            let words = words_from_vtt(&lines.collect::<Vec<_>>().join("\n"));
            film.cues.extend(words.into_iter().map(|word| Cue {
                start_ms: word.start_ms,
                end_ms: word.end_ms,
                text: word.text,
                ..Cue::default()
            }));
            film.cues.sort_by_key(|cue| cue.start_ms);
        }
        None => {}
    }
    let mut timeline = film.timeline(&pictures, request.seed);
    if let Some(asset) = sound {
        let samples = timeline.samples();
        timeline.voice = vec![Clip { asset, start_sample: 0, in_sample: 0, samples, gain_db: 0.0 }];
    }
    let mut asks = Request { inputs, ..request.clone() };
    asks.params.remove("edit");
    asks.params.insert("timeline".to_owned(), timeline.to_json());
    Ok((asks, hidden))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use oto_media::timeline::{Timeline, Visual};
    use oto_media::worker::Workers;
    use serde_json::json;

    use super::*;
    use crate::ErrorClass;

    fn context(name: &str) -> Context {
        let folder =
            std::env::temp_dir().join(format!("oto-from-edit-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let workers = Workers::of_program("/nonexistent-media-worker");
        Context {
            key: None,
            workers: workers.clone(),
            folder,
            progress: Arc::new(|_, _| {}),
            cancel: tokio_util::sync::CancellationToken::new(),
            now_ms: Arc::new(|| 0),
            webhook: None,
            meter: crate::Meter::default(),
            draft: crate::Draft::default(),
            probe: Arc::new(workers),
        }
    }

    fn asks(edit: &serde_json::Value) -> Request {
        Request {
            kind: Kind::Video,
            model: String::new(),
            prompt: String::new(),
            seed: 7,
            params: BTreeMap::from([("edit".to_owned(), edit.to_string())]),
            inputs: Vec::new(),
            submission_id: String::new(),
        }
    }

    fn clip(asset: serde_json::Value, start: f64, length: f64) -> serde_json::Value {
        json!({ "asset": asset, "start": start, "length": length })
    }

    /// What the web holds in these tests.
    fn bytes(link: &str) -> &'static [u8] {
        match link.rsplit('.').next().unwrap_or_default() {
            "png" => b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "mp4" => b"\0\0\0\x18ftypmp42\0\0\0\0",
            "wav" => b"RIFF\x24\0\0\0WAVEfmt ",
            "srt" => b"1\r\n00:00:00,500 --> 00:00:02,000\r\nOne\r\ntram.\r\n\r\n",
            _ => b"<html>",
        }
    }

    #[tokio::test]
    async fn an_edit_becomes_a_timeline_whose_files_are_here() {
        let (context, asked) = (context("good"), Arc::new(Mutex::new(Vec::new())));
        let edit = json!({ "timeline": {
            "soundtrack": { "src": "https://a.org/m.wav" },
            "tracks": [
                { "clips": [clip(json!({ "type": "caption", "src": "https://a.org/c.srt" }), 0.0, 5.0)] },
                { "clips": [
                    clip(json!({ "type": "image", "src": "https://a.org/p.png" }), 0.0, 2.0),
                    clip(json!({ "type": "video", "src": "https://a.org/v.mp4", "trim": 1.5 }), 2.0, 3.0),
                    clip(json!({ "type": "html", "html": "<p>Hi</p>" }), 5.0, 1.0),
                ] },
            ],
        } });
        let keeps = Arc::clone(&asked);
        let fetch = async |link: String, _: u64, path: PathBuf| {
            std::fs::write(path, bytes(&link)).unwrap();
            keeps.lock().unwrap().push(link);
            Ok(())
        };
        let (made, hidden) = prepare(&context, &asks(&edit), fetch).await.unwrap();
        let film = Timeline::parse(made.param("timeline", "")).unwrap();
        assert!(!made.params.contains_key("edit"));
        assert_eq!(asked.lock().unwrap().len(), 4);
        assert_eq!(
            made.inputs.iter().map(|i| i.hash.clone()).collect::<std::collections::BTreeSet<_>>(),
            film.assets().into_iter().collect()
        );
        let hash = |link: &str| blake3::hash(bytes(link)).to_hex().to_string();
        assert_eq!(film.shots[0].visual, Visual::Still { asset: hash(".png"), focus: [0.5, 0.5] });
        assert_eq!(film.shots[1].visual, Visual::Film { asset: hash(".mp4"), in_ms: 1_500 });
        assert_eq!(
            (film.voice[0].asset.clone(), film.voice[0].samples),
            (hash(".wav"), film.samples())
        );
        assert_eq!((film.cues[0].start_ms, film.cues[0].text.as_str()), (500, "One tram."));
        for word in ["html", "sound of the video"] {
            assert!(hidden.iter().any(|line| line.contains(word)), "{word}: {hidden:?}");
        }
        std::fs::remove_dir_all(&context.folder).unwrap();
    }

    #[tokio::test]
    async fn what_lies_at_home_is_not_fetched_and_lies_are_found_out() {
        let context = context("bad");
        let image = |src: &str| {
            let clips = json!([clip(json!({ "type": "image", "src": src }), 0.0, 2.0)]);
            json!({ "timeline": { "tracks": [{ "clips": clips }] } })
        };
        for src in [
            "http://a.org/p.png",
            "https://192.168.1.4/p.png",
            "file:///etc/passwd",
            "https://nas/p.png",
        ] {
            // The true client, which must not even be asked.
            let error = film(&context, &asks(&image(src))).await.unwrap_err();
            assert!(error.message.contains("public address"), "{src}: {error}");
        }
        for (src, word) in
            [("https://a.org/p.html", "is not what"), ("https://a.org/p.mp4", "is not what")]
        {
            let fetch = async |link: String, _: u64, path: PathBuf| {
                std::fs::write(path, bytes(&link)).unwrap();
                Ok(())
            };
            let error = prepare(&context, &asks(&image(src)), fetch).await.unwrap_err();
            assert!(error.message.contains(word), "{src}: {error}");
        }
        let away = async |_: String, _: u64, _: PathBuf| {
            Err(EngineError::new(ErrorClass::BadResponse, "too_large", "too large"))
        };
        let error =
            prepare(&context, &asks(&image("https://a.org/p.png")), away).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::InvalidRequest);
        let nothing = json!({ "timeline": { "tracks": [] } });
        let error = film(&context, &asks(&nothing)).await.unwrap_err();
        assert!(error.message.contains("nothing"), "{error}");
        std::fs::remove_dir_all(&context.folder).unwrap();
    }
}
