//! Export: frames drawn on several threads, handed to the encoder in order, into a `.part` file
//! that gets its name only when it is complete and was opened again.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

use super::Renderer;
use crate::MediaError;
use crate::worker::{EncodeSpec, Workers};

/// What kind of file came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// MP4 with H.264 and AAC.
    Mp4,
    /// WebM with VP9 and Opus.
    WebM,
}

/// What an export did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportReport {
    /// The kind of file.
    pub container: Container,
    /// Length in milliseconds.
    pub duration_ms: u64,
}

/// How many encoder chains there are to try, and which of them write WebM.
const CHAINS: [Container; 4] = [Container::Mp4, Container::Mp4, Container::Mp4, Container::WebM];

/// Draws and encodes a film into `path`. `progress` gets 0..=1 and says whether to go on.
///
/// # Errors
/// [`MediaError::Canceled`] when `progress` says stop; [`MediaError::Unsupported`] when no encoder
/// works. Nothing is left behind.
pub fn export(
    workers: &Workers,
    renderer: &Renderer,
    sound: &[[f32; 2]],
    path: &Path,
    progress: &(dyn Fn(f32) -> bool + Sync),
) -> Result<ExportReport, MediaError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut last = MediaError::Unsupported("no encoder works on this machine".to_owned());
    for (chain, container) in CHAINS.into_iter().enumerate() {
        match attempt(workers, renderer, sound, &part, chain as u32, progress) {
            // The last frame would stand still to the end, and nobody would be told.
            Ok(()) if renderer.is_broken() => {
                last = MediaError::Damaged(
                    "a film in this film broke off while it was read; try again".to_owned(),
                );
                break;
            }
            Ok(()) => {
                fs::rename(&part, path).map_err(MediaError::io("naming the film"))?;
                let duration_ms = renderer.timeline().duration_ms();
                return Ok(ExportReport { container, duration_ms });
            }
            Err(MediaError::Canceled) => {
                last = MediaError::Canceled;
                break;
            }
            Err(error) => last = error,
        }
    }
    // The first error is the one to tell; a part file that stays is swept later.
    fs::remove_file(&part).ok();
    Err(last)
}

fn attempt(
    workers: &Workers,
    renderer: &Renderer,
    sound: &[[f32; 2]],
    part: &Path,
    chain: u32,
    progress: &(dyn Fn(f32) -> bool + Sync),
) -> Result<(), MediaError> {
    let timeline = renderer.timeline();
    let output = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(part)
        .map_err(MediaError::io("creating the film's file"))?;
    let frames = timeline.frames();
    let spec = EncodeSpec {
        size: timeline.size,
        fps: [timeline.fps.num, timeline.fps.den],
        frames,
        samples: sound.len() as u64,
        chain,
    };
    let mut encoder = workers.encoder(spec, &output)?;
    if !sound.is_empty() {
        encoder.set_sound(sound)?;
    }
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let (next, stop) = (AtomicU32::new(0), AtomicBool::new(false));
    let ahead = threads * 2;
    // Frames already written, to be filled again.
    let spare: Mutex<Vec<Vec<u8>>> = Mutex::default();
    let spares = || spare.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel::<(u32, Vec<u8>)>(ahead);
        for _ in 0..threads {
            let (send, next, stop, spares) = (send.clone(), &next, &stop, &spares);
            scope.spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= frames || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let mut frame = spares().pop().unwrap_or_default();
                    renderer.frame_i420(n, &mut frame);
                    if send.send((n, frame)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let outcome = (|| {
            let mut early = BTreeMap::new();
            for n in 0..frames {
                let frame = loop {
                    if let Some(frame) = early.remove(&n) {
                        break frame;
                    }
                    let (at, frame) = receive.recv().or(Err(MediaError::Killed))?;
                    early.insert(at, frame);
                };
                encoder.push(&frame)?;
                spares().push(frame);
                if !progress((n + 1) as f32 / frames as f32) {
                    return Err(MediaError::Canceled);
                }
            }
            Ok(())
        })();
        // The channel closes, so that no drawing thread waits for ever.
        stop.store(true, Ordering::Relaxed);
        drop(receive);
        outcome
    })?;
    encoder.finish()?;
    output.sync_all().map_err(MediaError::io("syncing the film"))?;
    verify(workers, part, timeline.fps.ms_at(frames.saturating_sub(2)))
}

/// A fresh worker must find the picture, and the first and last frame must decode.
fn verify(workers: &Workers, part: &Path, last_ms: u64) -> Result<(), MediaError> {
    let mut film = workers.film(part, [320, 320])?;
    let shown = film.next_frame()?.is_some();
    if shown && film.seek(last_ms)?.is_some() {
        Ok(())
    } else {
        Err(MediaError::Damaged("the film that was written cannot be played".to_owned()))
    }
}
