//! The caller's side of the worker: what can be asked of one. Starting them and talking to them
//! is in `spawn` and `session`.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::fds::shared_file;
use super::isolation::IsolationReport;
use super::players::{Encoder, FramePlayer, PictureViewer, frame_from};
use super::protocol::{EncodeSpec, FromWorker, PART_EDGE, Role, SLOTS};
use super::session::{self, Patience, Session};
use super::spawn::Program;
use crate::MediaError;
use crate::caption::Word;
use crate::picture::Picture;
use crate::wav::Pcm;

/// Longest edge a picture is decoded at.
const MAX_SIDE: u32 = 4_096;
/// Longest sound decoded whole: a quarter of an hour of 48 kHz stereo.
const MAX_SOUND_BYTES: u64 = 48_000 * 4 * 900;

/// Starts workers.
#[derive(Debug, Clone)]
pub struct Workers {
    program: Program,
}

/// A spoken text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// The sound.
    pub pcm: Pcm,
    /// When each word is spoken.
    pub words: Vec<Word>,
}

/// What a film is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaInfo {
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Length in milliseconds.
    pub duration_ms: u64,
    /// True when it has a sound track.
    pub has_sound: bool,
}

impl Workers {
    /// Workers that are this program with the hidden argument.
    ///
    /// # Errors
    /// When the system does not say which program this is.
    pub fn of_this_program() -> Result<Self, MediaError> {
        let program = std::env::current_exe().map_err(MediaError::io("finding this program"))?;
        let argument = Some(super::WORKER_ARGUMENT.to_owned());
        Ok(Self { program: Program { path: program, argument } })
    }

    /// Workers that are another program, for tests.
    #[must_use]
    pub fn of_program(program: impl Into<PathBuf>) -> Self {
        Self { program: Program { path: program.into(), argument: None } }
    }

    /// Workers that are another program which is one only with the hidden argument.
    #[must_use]
    pub fn of_program_with_argument(program: impl Into<PathBuf>) -> Self {
        let argument = Some(super::WORKER_ARGUMENT.to_owned());
        Self { program: Program { path: program.into(), argument } }
    }

    /// The next opening of this file is tried even when two workers ended over it: the user asked.
    pub fn try_again(&self, path: &Path) {
        session::forget_deaths(path);
    }

    /// Decodes a picture, shrunk to fit `max_side`. Gives the picture and its own size.
    ///
    /// # Errors
    /// When it is no picture, too large, damaged, or takes too long.
    pub fn picture(&self, path: &Path, max_side: u32) -> Result<(Picture, [u32; 2]), MediaError> {
        let max_side = max_side.min(MAX_SIDE);
        let input = File::open(path).map_err(MediaError::io("opening the picture"))?;
        let shared = shared_file(u64::from(max_side) * u64::from(max_side) * 4)?;
        let files = [input, shared];
        let mut session =
            Session::start(&self.program, Role::Picture { max_side }, &files, Patience::whole(15))?;
        match session.next()? {
            FromWorker::Frame { size, source, .. } => {
                Ok((frame_from(&files[1], 0, size, [max_side; 2])?, source))
            }
            _ => Err(MediaError::Protocol),
        }
    }

    /// Opens a picture for looking at its parts from near. The worker holds it, not the caller.
    ///
    /// # Errors
    /// When it is no picture, too large, damaged, or takes too long.
    pub fn viewer(&self, path: &Path) -> Result<PictureViewer, MediaError> {
        let input = File::open(path).map_err(MediaError::io("opening the picture"))?;
        let files = [input, shared_file(u64::from(PART_EDGE) * u64::from(PART_EDGE) * 4)?];
        let mut session = Session::start(&self.program, Role::View, &files, Patience::each(15))?;
        let [_, shared] = files;
        match session.next()? {
            FromWorker::Info { size, .. } => Ok(PictureViewer { session, shared, size }),
            _ => Err(MediaError::Protocol),
        }
    }

    /// Speaks a text with a voice of espeak-ng such as "en" or "fr".
    ///
    /// # Errors
    /// [`MediaError::Unsupported`] when espeak-ng or the voice is not there.
    pub fn speak(
        &self,
        text: &str,
        voice: &str,
        words_per_minute: u32,
    ) -> Result<Speech, MediaError> {
        if text.len() > 40_000 {
            return Err(MediaError::TooLarge(
                "a voice reads at most 40,000 characters at once".to_owned(),
            ));
        }
        let files = [shared_file(22_050 * 2 * 960)?];
        let role = Role::Speak { text: text.to_owned(), voice: voice.to_owned(), words_per_minute };
        let mut session = Session::start(&self.program, role, &files, Patience::whole(20))?;
        let mut words = Vec::new();
        loop {
            match session.next()? {
                FromWorker::Words(more) => words.extend(more),
                FromWorker::Pcm { rate, channels, samples } => {
                    let pcm = pcm_from(&files[0], rate, channels, samples, 22_050 * 960)?;
                    return Ok(Speech { pcm, words });
                }
                _ => return Err(MediaError::Protocol),
            }
        }
    }

    /// Decodes the sound of a file to 48 kHz stereo.
    ///
    /// # Errors
    /// When it has none, is damaged, or takes too long.
    pub fn sound(&self, path: &Path) -> Result<Pcm, MediaError> {
        let input = File::open(path).map_err(MediaError::io("opening the sound"))?;
        let files = [input, shared_file(MAX_SOUND_BYTES)?];
        let mut session = Session::start(&self.program, Role::Sound, &files, Patience::whole(60))?;
        match session.next()? {
            FromWorker::Pcm { rate, channels, samples } => {
                pcm_from(&files[1], rate, channels, samples, MAX_SOUND_BYTES / 2)
            }
            _ => Err(MediaError::Protocol),
        }
    }

    /// Opens a film for looking at its frames at no more than `max_size`.
    ///
    /// # Errors
    /// When it is no film oTo opens, damaged, or takes too long.
    pub fn film(&self, path: &Path, max_size: [u32; 2]) -> Result<FramePlayer, MediaError> {
        let input = File::open(path).map_err(MediaError::io("opening the film"))?;
        let max_size = max_size.map(|v| v.clamp(16, 3840));
        let slot = u64::from(max_size[0]) * u64::from(max_size[1]) * 4;
        let files = [input, shared_file(slot * SLOTS)?];
        let mut session =
            Session::start(&self.program, Role::Frames { max_size }, &files, Patience::each(10))?;
        let [_, shared] = files;
        match session.next()? {
            FromWorker::Info { size, duration_ms, has_sound } => {
                let info = MediaInfo { size, duration_ms, has_sound };
                Ok(FramePlayer { session, shared, max_size, info })
            }
            _ => Err(MediaError::Protocol),
        }
    }

    /// Starts encoding a film into `output`.
    ///
    /// # Errors
    /// When the worker cannot be started.
    pub fn encoder(&self, spec: EncodeSpec, output: &File) -> Result<Encoder, MediaError> {
        let frame_bytes = u64::from(spec.size[0]) * u64::from(spec.size[1]) * 3 / 2;
        let shared = shared_file(frame_bytes * SLOTS + spec.samples * 4)?;
        let output = output.try_clone().map_err(MediaError::io("opening the film's file"))?;
        let files = [shared, output];
        let session =
            Session::start(&self.program, Role::Encode(spec), &files, Patience::each(15))?;
        let [shared, _] = files;
        Ok(Encoder { session, shared, frame_bytes, free: (0..SLOTS).collect() })
    }

    /// Makes a small copy of a film in which seeking is fast. `progress` gets 0..=1 and says
    /// whether to go on. The file has its name only when it is complete.
    ///
    /// # Errors
    /// [`MediaError::Canceled`] when `progress` says stop; else as for opening a film.
    pub fn proxy(
        &self,
        input: &Path,
        output: &Path,
        progress: &dyn Fn(f32) -> bool,
    ) -> Result<(), MediaError> {
        let mut name = output.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let part = output.with_file_name(name);
        let made = self.proxy_part(input, &part, progress).and_then(|()| {
            fs::rename(&part, output).map_err(MediaError::io("naming the small film"))
        });
        if made.is_err() {
            // The first error is the one to tell; a part file that stays is swept later.
            fs::remove_file(&part).ok();
        }
        made
    }

    fn proxy_part(
        &self,
        input: &Path,
        part: &Path,
        progress: &dyn Fn(f32) -> bool,
    ) -> Result<(), MediaError> {
        let input = File::open(input).map_err(MediaError::io("opening the film"))?;
        let output = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(part)
            .map_err(MediaError::io("making the small film"))?;
        let files = [input, output];
        let begun = Instant::now();
        let mut session = Session::start(&self.program, Role::Proxy, &files, Patience::each(10))?;
        loop {
            match session.next()? {
                FromWorker::Progress { done_ms, total_ms } => {
                    if total_ms > 0 {
                        // Twice the processor time of a slow machine: a minute, and four times
                        // the length of the film.
                        let bound = Duration::from_millis(60_000 + total_ms.saturating_mul(4));
                        session.end_by(begun.checked_add(bound));
                    }
                    let part = done_ms as f32 / total_ms.max(1) as f32;
                    if !progress(part.clamp(0.0, 1.0)) {
                        return Err(MediaError::Canceled);
                    }
                }
                FromWorker::Done => break,
                _ => return Err(MediaError::Protocol),
            }
        }
        files[1].sync_all().map_err(MediaError::io("writing the small film"))
    }

    /// What of the worker's lock is in force on this machine, found by starting a worker that
    /// tries to break out.
    ///
    /// # Errors
    /// When no worker can be started.
    pub fn isolation(&self) -> Result<IsolationReport, MediaError> {
        IsolationReport::of(&self.program)
    }

    /// Makes a worker ready for the first film, so that opening it does not wait. Later ones are
    /// made ready by themselves.
    pub fn warm_up(&self) {
        super::spawn::warm_up(&self.program);
    }
}

fn pcm_from(
    shared: &File,
    rate: u32,
    channels: u16,
    samples: u64,
    most: u64,
) -> Result<Pcm, MediaError> {
    if samples > most || !(1..=2).contains(&channels) || !(8_000..=192_000).contains(&rate) {
        return Err(MediaError::Protocol);
    }
    let mut bytes = vec![0; samples as usize * 2];
    shared.read_exact_at(&mut bytes, 0).map_err(MediaError::io("reading sound"))?;
    let samples = bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    Ok(Pcm { rate, channels, samples })
}
