//! The caller's side of the worker: start one, hand it a task, take its answers, never wait
//! without a bound.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::fds::{borrowed, send_files, shared_file};
use super::protocol::{
    EncodeSpec, FailCode, FromWorker, PART_EDGE, Role, SLOTS, ToWorker, receive, send,
};
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
    program: PathBuf,
    arguments: Vec<String>,
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
        Ok(Self { program, arguments: vec![super::WORKER_ARGUMENT.to_owned()] })
    }

    /// Workers that are another program, for tests.
    #[must_use]
    pub fn of_program(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new() }
    }

    fn start(&self, role: Role, files: &[File], silence: Duration) -> Result<Session, MediaError> {
        let (ours, theirs) =
            UnixStream::pair().map_err(MediaError::io("starting the media worker"))?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("LANG", "C.UTF-8")
            .env("MALLOC_ARENA_MAX", "2");
        // GStreamer keeps its registry there; without it each start would look at every plugin.
        for name in
            ["HOME", "XDG_CACHE_HOME", "GST_PLUGIN_PATH", "GST_REGISTRY", "LD_LIBRARY_PATH", "PATH"]
        {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let child = command
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(MediaError::io("starting the media worker"))?;
        if matches!(role, Role::Picture { .. } | Role::View) {
            // Hundreds may be wanted while the board is moved: drawing comes first. A system that
            // does not allow it draws less smoothly, no more.
            let worker = rustix::process::Pid::from_child(&child);
            rustix::process::setpriority_process(Some(worker), 10).ok();
        }
        let session = Session { child, socket: ours };
        session
            .socket
            .set_read_timeout(Some(silence))
            .map_err(MediaError::io("starting the media worker"))?;
        session
            .socket
            .set_write_timeout(Some(silence))
            .map_err(MediaError::io("starting the media worker"))?;
        match session.next()? {
            FromWorker::Ready => {}
            _ => return Err(MediaError::Protocol),
        }
        send_files(&session.socket, &borrowed(files))?;
        session.send(&ToWorker::Start(role))?;
        Ok(session)
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
        let session = self.start(Role::Picture { max_side }, &files, Duration::from_secs(15))?;
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
        let session = self.start(Role::View, &files, Duration::from_secs(15))?;
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
        let session = self.start(role, &files, Duration::from_secs(20))?;
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
        let session = self.start(Role::Sound, &files, Duration::from_secs(30))?;
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
        let session = self.start(Role::Frames { max_size }, &files, Duration::from_secs(10))?;
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
        let session = self.start(Role::Encode(spec), &files, Duration::from_secs(15))?;
        let [shared, _] = files;
        Ok(Encoder { session, shared, frame_bytes, free: (0..SLOTS).collect() })
    }
}

fn frame_from(
    shared: &File,
    slot: u64,
    size: [u32; 2],
    max: [u32; 2],
) -> Result<Picture, MediaError> {
    if size[0] == 0 || size[1] == 0 || size[0] > max[0] || size[1] > max[1] || slot >= SLOTS {
        return Err(MediaError::Protocol);
    }
    let mut rgba = vec![0; size[0] as usize * size[1] as usize * 4];
    let offset = slot * u64::from(max[0]) * u64::from(max[1]) * 4;
    shared.read_exact_at(&mut rgba, offset).map_err(MediaError::io("reading a frame"))?;
    Ok(Picture { width: size[0], height: size[1], rgba })
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

/// A worker under way; killed when dropped.
struct Session {
    child: Child,
    socket: UnixStream,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "media worker {}", self.child.id())
    }
}

impl Session {
    fn send(&self, message: &ToWorker) -> Result<(), MediaError> {
        send(&self.socket, message)
    }

    fn next(&self) -> Result<FromWorker, MediaError> {
        match receive(&self.socket)? {
            FromWorker::Failed { code, detail } => Err(match code {
                FailCode::NotThisKind => MediaError::NotThisKind("media"),
                FailCode::Unsupported => MediaError::Unsupported(detail),
                FailCode::TooLarge => MediaError::TooLarge(detail),
                FailCode::Damaged => MediaError::Damaged(detail),
                FailCode::TooSlow => MediaError::TooSlow,
                FailCode::Protocol => MediaError::Protocol,
            }),
            message => Ok(message),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The worker may be gone already; either way nothing of it is left behind.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Parts of a picture, one asked for at a time.
#[derive(Debug)]
pub struct PictureViewer {
    session: Session,
    shared: File,
    /// Width and height of the whole picture in pixels.
    pub size: [u32; 2],
}

impl PictureViewer {
    /// The part in this column and row of a picture that is divided into `2^level` of each: a
    /// square of 512 pixels, whatever the shape of the part.
    ///
    /// # Errors
    /// When there is no such part, or the worker fails or takes too long.
    pub fn part(&mut self, level: u8, at: [u16; 2]) -> Result<Picture, MediaError> {
        self.session.send(&ToWorker::Part { level, at })?;
        match self.session.next()? {
            FromWorker::Frame { slot, size, .. } => {
                frame_from(&self.shared, slot, size, [PART_EDGE; 2])
            }
            _ => Err(MediaError::Protocol),
        }
    }
}

/// Frames of a film, one asked for at a time.
#[derive(Debug)]
pub struct FramePlayer {
    session: Session,
    shared: File,
    max_size: [u32; 2],
    /// What the film is.
    pub info: MediaInfo,
}

impl FramePlayer {
    /// The frame at a time, and the time it really stands for. `None` behind the end.
    ///
    /// # Errors
    /// When the worker fails or takes too long.
    pub fn seek(&mut self, ms: u64) -> Result<Option<(Picture, u64)>, MediaError> {
        self.session.send(&ToWorker::Seek { ms })?;
        self.take()
    }

    /// The next frame. `None` at the end.
    ///
    /// # Errors
    /// When the worker fails or takes too long.
    pub fn next_frame(&mut self) -> Result<Option<(Picture, u64)>, MediaError> {
        self.session.send(&ToWorker::Next)?;
        self.take()
    }

    fn take(&self) -> Result<Option<(Picture, u64)>, MediaError> {
        match self.session.next()? {
            FromWorker::Frame { slot, size, ms, .. } => {
                Ok(Some((frame_from(&self.shared, slot, size, self.max_size)?, ms)))
            }
            FromWorker::End => Ok(None),
            _ => Err(MediaError::Protocol),
        }
    }
}

/// A film being encoded.
#[derive(Debug)]
pub struct Encoder {
    session: Session,
    shared: File,
    frame_bytes: u64,
    free: Vec<u64>,
}

impl Encoder {
    /// Puts the whole sound track in place, before the first frame.
    ///
    /// # Errors
    /// When the shared file refuses.
    pub fn set_sound(&mut self, samples: &[[f32; 2]]) -> Result<(), MediaError> {
        let bytes: Vec<u8> = samples
            .iter()
            .flatten()
            .flat_map(|s| ((s.clamp(-1.0, 1.0) * 32_767.0) as i16).to_le_bytes())
            .collect();
        self.shared
            .write_all_at(&bytes, self.frame_bytes * SLOTS)
            .map_err(MediaError::io("writing sound"))
    }

    /// Hands the next frame (I420) over; waits while all slots are in use.
    ///
    /// # Errors
    /// When the worker fails or takes too long.
    pub fn push(&mut self, i420: &[u8]) -> Result<(), MediaError> {
        if i420.len() as u64 != self.frame_bytes {
            return Err(MediaError::Protocol);
        }
        let slot = loop {
            if let Some(slot) = self.free.pop() {
                break slot;
            }
            match self.session.next()? {
                FromWorker::Free { slot } if slot < SLOTS && !self.free.contains(&slot) => {
                    self.free.push(slot);
                }
                _ => return Err(MediaError::Protocol),
            }
        };
        self.shared
            .write_all_at(i420, slot * self.frame_bytes)
            .map_err(MediaError::io("writing a frame"))?;
        self.session.send(&ToWorker::Push { slot })
    }

    /// Ends the film and waits until the file is complete.
    ///
    /// # Errors
    /// When the worker fails or takes too long.
    pub fn finish(self) -> Result<(), MediaError> {
        self.session.send(&ToWorker::Finish)?;
        loop {
            match self.session.next()? {
                FromWorker::Done => return Ok(()),
                FromWorker::Free { .. } => {}
                _ => return Err(MediaError::Protocol),
            }
        }
    }
}
