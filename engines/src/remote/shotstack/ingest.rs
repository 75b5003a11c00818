//! What lies before a render of a timeline: its files are brought to Shotstack. Shapes follow
//! github.com/shotstack/oas-api-definition (paths/upload.yaml, paths/sourcesid.yaml,
//! schemas/ingest/responses) and shotstack.io/docs/guide/ingesting-footage/sources.md.
//!
//! Nothing here is paid. Every step keeps a new handle, so that a crash costs one upload at most;
//! the render, which is paid, is ordered elsewhere.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use oto_media::caption::cues_to_vtt;
use oto_media::timeline::{CaptionLook, Captions, SAMPLE_RATE, Timeline, mix};
use oto_media::wav::Pcm;
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};

use super::edit::Edit;
use super::export::{Sources, export};
use super::flat::FlatFilm;
use super::guard::is_public;
use super::id_of;
use crate::http::{Provider, Sends, invalid, nonsense};
use crate::outcome::title_from;
use crate::remote::common::brief;
use crate::remote::media::disk;
use crate::{Context, EngineError, ErrorClass, Request};

/// A file may be unknown for a while after it was sent.
const FRESH_MS: i64 = 600_000;

/// What a file is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// A picture or film, by its asset.
    Seen(String),
    /// The sound of the whole film, mixed here.
    Sound,
    /// The captions as WebVTT.
    Captions,
}

/// A file on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Source {
    part: Part,
    /// What the user calls it.
    name: String,
    /// Its id at Shotstack, empty before it is sent.
    #[serde(default)]
    id: String,
    /// Its address there, empty before it is ready.
    #[serde(default)]
    src: String,
    #[serde(default)]
    sent_ms: i64,
}

/// A timeline whose files are being brought to Shotstack, as it is kept on the job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Upload {
    /// Where the files go and where the film is ordered, as it was when the job began.
    pub(super) ingest: String,
    pub(super) render: String,
    pub(super) title: String,
    /// The job and the number of the try.
    pub(super) submission: String,
    film: Timeline,
    /// Files of the assets.
    files: BTreeMap<String, PathBuf>,
    sources: Vec<Source>,
    /// The order that may be sent; empty while files are missing.
    #[serde(default)]
    pub(super) order: String,
}

/// How far the files are.
pub(super) enum Step {
    /// So far, 0..=1, and what is done.
    Goes(f64, String),
    /// All of them are there.
    Ready,
}

/// `…/edit/stage` becomes `…/ingest/stage`; an address without “edit” gets “ingest” before its end.
fn ingest_of(base: &Url) -> String {
    let mut url = base.clone();
    let mut parts: Vec<&str> = base.path().split('/').filter(|part| !part.is_empty()).collect();
    match parts.iter().rposition(|part| *part == "edit") {
        Some(at) => parts[at] = "ingest",
        None => parts.insert(parts.len().saturating_sub(1), "ingest"),
    }
    url.set_path(&format!("/{}/", parts.join("/")));
    url.to_string()
}

/// The sound of a film as a WAV file; none when nothing is heard.
fn wav_of(film: &Timeline, sounds: &BTreeMap<String, Arc<Vec<[f32; 2]>>>) -> Option<Vec<u8>> {
    let sound = mix(film, sounds);
    let sample = |s: &f32| (s.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
    let samples: Vec<i16> = sound.iter().flatten().map(sample).collect();
    let pcm = Pcm { rate: SAMPLE_RATE, channels: 2, samples };
    (!sound.is_empty()).then(|| pcm.to_wav())
}

impl Upload {
    /// What a request needs; nothing is sent.
    pub(super) fn of(provider: &Provider, request: &Request) -> Result<Self, EngineError> {
        let film = Timeline::parse(request.param("timeline", "")).map_err(|why| invalid(&why))?;
        let mut files = BTreeMap::new();
        let mut names = BTreeMap::new();
        for asset in film.assets() {
            let of = |input: &&crate::Input| input.hash == asset && input.file.is_some();
            let input = request.inputs.iter().find(of).ok_or_else(|| {
                invalid("A picture, film or sound of this timeline is not joined to the agent. Join everything the timeline names, and try again.")
            })?;
            names.insert(asset.clone(), input.title.clone());
            files.extend(input.file.clone().map(|file| (asset, file)));
        }
        let source = |part, name: &str| Source {
            part,
            name: name.to_owned(),
            id: String::new(),
            src: String::new(),
            sent_ms: 0,
        };
        let seen = FlatFilm::of(&film).1.into_iter();
        let mut sources: Vec<Source> =
            seen.map(|asset| source(Part::Seen(asset.clone()), &names[&asset])).collect();
        if !film.voice.is_empty() || film.bed.is_some() {
            sources.push(source(Part::Sound, "the sound"));
        }
        if draws_captions(&film) {
            sources.push(source(Part::Captions, "the captions"));
        }
        let title = title_from(&request.prompt);
        Ok(Self {
            ingest: ingest_of(&provider.base),
            render: provider.url("render")?.to_string(),
            title: if title.is_empty() { "Film".to_owned() } else { title },
            submission: request.submission_id.clone(),
            film,
            files,
            sources,
            order: String::new(),
        })
    }

    /// One call further: a file is sent, or asked for. A limit on calls is so never met by a burst,
    /// and what was done is on disk before the next is begun.
    pub(super) async fn step(
        &mut self,
        provider: &Provider,
        context: &Context,
    ) -> Result<Step, EngineError> {
        let n = self.sources.len();
        let far = |done: usize| 0.9 * done as f64 / (2 * n).max(1) as f64;
        if let Some(at) = self.sources.iter().position(|source| source.id.is_empty()) {
            match self.file(context, at).await? {
                Some(file) => self.send(provider, context, at, &file).await?,
                // It turned out that there is nothing to be heard.
                None => drop(self.sources.remove(at)),
            }
            return Ok(Step::Goes(far(at + 1), format!("sending file {} of {n}", at + 1)));
        }
        if let Some(at) = self.sources.iter().position(|source| source.src.is_empty()) {
            self.look(provider, context, at).await?;
            let words = format!("Shotstack reads file {} of {n}", at + 1);
            return Ok(Step::Goes(far(n + at), words));
        }
        Ok(Step::Ready)
    }

    /// The file of a source; those that are made here are made anew each time.
    async fn file(&self, context: &Context, at: usize) -> Result<Option<PathBuf>, EngineError> {
        let path = |name: &str| context.folder.join(name);
        let (file, bytes) = match &self.sources[at].part {
            Part::Seen(asset) => return Ok(self.files.get(asset).cloned()),
            Part::Captions => {
                (path("captions.vtt"), Some(cues_to_vtt(&self.film.cues).into_bytes()))
            }
            Part::Sound => {
                let (film, files) = (self.film.clone(), self.files.clone());
                let mixed = context.blocking(move |context| {
                    let heard = film.voice.iter().map(|c| &c.asset);
                    let mut sounds = BTreeMap::new();
                    for asset in heard.chain(film.bed.iter().map(|bed| &bed.asset)) {
                        if let Some(file) = files.get(asset)
                            && !sounds.contains_key(asset)
                        {
                            let sound = context.workers.sound(file)?.to_stereo_48k();
                            sounds.insert(asset.clone(), Arc::new(sound));
                        }
                    }
                    Ok(wav_of(&film, &sounds))
                });
                (path("sound.wav"), mixed.await?)
            }
        };
        let Some(bytes) = bytes else { return Ok(None) };
        tokio::fs::write(&file, bytes).await.map_err(|error| disk(&error))?;
        Ok(Some(file))
    }

    /// Asks for a signed address and sends the file there.
    async fn send(
        &mut self,
        provider: &Provider,
        context: &Context,
        at: usize,
        file: &std::path::Path,
    ) -> Result<(), EngineError> {
        let url = provider.own(&format!("{}upload", self.ingest))?;
        let answer = provider.call(context, Method::POST, url, Sends::Nothing)?.value().await?;
        let data = &answer["data"];
        let id = id_of(&data["id"]).or_else(|| id_of(&data["attributes"]["id"]));
        let link = data["attributes"]["url"].as_str();
        let (Some(id), Some(link)) = (id, link) else { return Err(nonsense()) };
        provider.put_file(link, file).await?;
        let source = &mut self.sources[at];
        (source.id, source.sent_ms) = (id, (context.now_ms)());
        Ok(())
    }

    /// Asks whether a file is ready.
    async fn look(
        &mut self,
        provider: &Provider,
        context: &Context,
        at: usize,
    ) -> Result<(), EngineError> {
        let source = &mut self.sources[at];
        let url = provider.own(&format!("{}sources/{}", self.ingest, source.id))?;
        let call = provider.call(context, Method::GET, url, Sends::Nothing)?;
        let answer = match call.value().await {
            Err(error) if error.provider_status == Some(404) => {
                let age_ms = (context.now_ms)() - source.sent_ms;
                return if age_ms < FRESH_MS { Ok(()) } else { Err(unread(source, "")) };
            }
            other => other?,
        };
        let told = answer["data"]["attributes"].as_object().ok_or_else(nonsense)?;
        let word = |name: &str| told.get(name).and_then(|v| v.as_str()).unwrap_or_default();
        match word("status") {
            "ready" if is_public(word("source")) => word("source").clone_into(&mut source.src),
            "ready" => return Err(nonsense()),
            // Its documents name no captions among the files it takes: then they are written into
            // the edit.
            "failed" | "deleted" if source.part == Part::Captions => {
                self.sources.remove(at);
            }
            "failed" | "deleted" => {
                let why = told.get("error").map(brief).unwrap_or_default();
                return Err(unread(source, &why));
            }
            // Words that oTo does not know mean that it goes on.
            _ => {}
        }
        Ok(())
    }

    /// What is rendered, when all files are there.
    pub(super) fn edit(&self) -> Result<Edit, EngineError> {
        let (mut film, assets) = FlatFilm::of(&self.film);
        if !draws_captions(&self.film) {
            film.cues.clear();
        }
        let of = |part: &Part| self.sources.iter().find(|s| s.part == *part).map(|s| s.src.clone());
        let pictures = assets.into_iter().map(|asset| of(&Part::Seen(asset)).unwrap_or_default());
        let pictures = pictures.collect();
        let sources = Sources { pictures, sound: of(&Part::Sound), captions: of(&Part::Captions) };
        export(&film, &sources, None)
    }

    /// Addresses of the files that lie at Shotstack because of this film.
    pub(super) fn left_there(&self) -> Vec<String> {
        let sent = self.sources.iter().filter(|source| !source.id.is_empty());
        sent.map(|source| format!("{}sources/{}", self.ingest, source.id)).collect()
    }
}

/// Whether captions belong into the picture.
fn draws_captions(film: &Timeline) -> bool {
    let drawn = match film.captions {
        Captions::Beside => false,
        Captions::Burnt => true,
        Captions::Style => film.style.sheet().captions != CaptionLook::None,
    };
    drawn && !film.cues.is_empty()
}

fn unread(source: &Source, why: &str) -> EngineError {
    let name = if source.name.is_empty() { "a file" } else { &source.name };
    let mut sentence = format!(
        "Shotstack cannot use “{name}”; nothing was paid. Try again, or put another one in its place."
    );
    if !why.is_empty() {
        sentence.push_str(&format!(" It says: {why}"));
    }
    EngineError::new(ErrorClass::InvalidRequest, "source_failed", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_beside_the_edits() {
        for (base, ingest) in [
            ("https://api.shotstack.io/edit/stage/", "https://api.shotstack.io/ingest/stage/"),
            ("https://api.shotstack.io/edit/v1/", "https://api.shotstack.io/ingest/v1/"),
            ("https://api.shotstack.io/v1/", "https://api.shotstack.io/ingest/v1/"),
            ("http://127.0.0.1:9/my/edit/edit/v1/", "http://127.0.0.1:9/my/edit/ingest/v1/"),
            ("http://127.0.0.1:9/", "http://127.0.0.1:9/ingest/"),
        ] {
            assert_eq!(ingest_of(&Url::parse(base).unwrap()), ingest);
        }
    }

    #[test]
    fn the_sound_is_as_long_as_the_film_and_silence_is_none() {
        let asset = "a".repeat(64);
        let film = Timeline::parse(&format!(
            r#"{{"version":2,"size":[640,360],"fps":{{"num":24,"den":1}},"seed":1,"style":"minimal",
                "shots":[{{"frames":24,"visual":{{"card":{{"text":"Trams"}}}}}}],
                "voice":[{{"asset":"{asset}","start_sample":0,"samples":24000}}]}}"#
        ));
        let film = film.unwrap();
        let tone = (0..24_000).map(|i| [(i as f32 * 0.05).sin() * 0.3; 2]).collect();
        let sounds = BTreeMap::from([(asset.clone(), Arc::new(tone))]);
        let pcm = Pcm::from_wav(&wav_of(&film, &sounds).unwrap()).unwrap();
        assert_eq!((pcm.rate, pcm.channels, pcm.duration_ms()), (48_000, 2, 1_000));
        assert!(pcm.samples.iter().any(|s| s.abs() > 1_000));
        let silence = BTreeMap::from([(asset, Arc::new(vec![[0.0; 2]; 24_000]))]);
        assert!(wav_of(&film, &silence).is_none());
    }
}
