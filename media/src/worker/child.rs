//! The worker's side: one task, then the end. Whatever needs files comes first, then the lock,
//! then the first byte of the input.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::fds::receive_files;
use super::protocol::{FailCode, FromWorker, LockReport, Role, ToWorker, receive, send};
use super::sandbox::{self, Budget};
use super::{FILMS_ARGUMENT, PROBE_ARGUMENT, espeak, picture, selftest};
use crate::MediaError;

pub(super) type Failure = (FailCode, String);

/// Runs the worker until its task is done. Called on the first line of `main`, before anything
/// else is set up.
#[must_use]
pub fn main() -> ExitCode {
    let kind = std::env::args_os().next_back().unwrap_or_default();
    if kind == PROBE_ARGUMENT {
        // GStreamer looks at every plugin and writes down what it found.
        #[cfg(feature = "gst")]
        gstreamer::init().ok();
        return ExitCode::SUCCESS;
    }
    match work(kind == FILMS_ARGUMENT) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work(films: bool) -> Result<(), MediaError> {
    let stdin = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(MediaError::io("taking the control socket"))?;
    let socket = UnixStream::from(stdin);
    if !sandbox::begin(&socket) {
        return Err(MediaError::Killed);
    }
    // Pictures and voices are spared the time that GStreamer takes to start.
    #[cfg(feature = "gst")]
    if films {
        super::plugins::load();
    }
    send(&socket, &FromWorker::Ready)?;
    let files: Vec<File> = receive_files(&socket)?.into_iter().map(File::from).collect();
    let ToWorker::Start { role, unlocked } = receive(&socket)? else {
        return Err(MediaError::Protocol);
    };
    if role.is_film() != films {
        return Err(MediaError::Protocol);
    }
    let last = match lock(&role, &files, unlocked) {
        Ok((report, voice)) => {
            send(&socket, &FromWorker::Locked(report))?;
            perform(&socket, role, files, report, voice)
        }
        Err(failure) => Err(failure),
    };
    match last {
        Ok(Some(last)) => send(&socket, &last),
        Ok(None) => Ok(()),
        Err((code, mut detail)) => {
            detail.truncate(detail.floor_char_boundary(2_000));
            send(&socket, &FromWorker::Failed { code, detail })
        }
    }
}

/// Loads what the role still needs, and closes the lock.
fn lock(
    role: &Role,
    files: &[File],
    unlocked: bool,
) -> Result<(LockReport, Option<espeak::Voice>), Failure> {
    let voice = match role {
        Role::Speak { voice, words_per_minute, .. } => {
            Some(espeak::Voice::load(voice, *words_per_minute)?)
        }
        _ => None,
    };
    // A role without output can write to shared memory only, which comes last.
    let shared_bytes = files.last().and_then(|f| f.metadata().ok()).map_or(0, |m| m.len());
    let readable = voice.as_ref().and_then(|voice| voice.data.as_deref());
    let report = sandbox::lock(Budget::of(role, shared_bytes), readable);
    if cfg!(target_os = "linux") && !report.seccomp && !unlocked && role.is_foreign() {
        return Err((
            FailCode::Unsupported,
            "This system cannot lock the media worker in (seccomp is missing), so oTo does not \
             open files from others here. Setting OTO_UNSAFE_MEDIA=1 opens them all the same."
                .to_owned(),
        ));
    }
    Ok((report, voice))
}

fn perform(
    socket: &UnixStream,
    role: Role,
    mut files: Vec<File>,
    report: LockReport,
    voice: Option<espeak::Voice>,
) -> Result<Option<FromWorker>, Failure> {
    let mut next_file = || {
        if files.is_empty() {
            Err((FailCode::Protocol, "a file is missing".to_owned()))
        } else {
            Ok(files.remove(0))
        }
    };
    match role {
        Role::Picture { max_side } => {
            let (input, shared) = (next_file()?, next_file()?);
            picture::decode(input, &shared, max_side).map(Some)
        }
        Role::View => {
            let (input, shared) = (next_file()?, next_file()?);
            picture::view(socket, input, &shared).map(|()| None)
        }
        Role::Speak { text, .. } => {
            let voice = voice.ok_or_else(|| (FailCode::Protocol, "no voice".to_owned()))?;
            speak(socket, &next_file()?, &text, &voice).map(Some)
        }
        Role::SelfTest => selftest::run(socket, report).map(Some),
        #[cfg(feature = "gst")]
        Role::Encode(spec) => {
            let (shared, output) = (next_file()?, next_file()?);
            super::encode::encode(socket, &spec, &shared, &output).map(Some)
        }
        #[cfg(feature = "gst")]
        Role::Sound => {
            let (input, shared) = (next_file()?, next_file()?);
            super::sound::sound(&input, &shared).map(Some)
        }
        #[cfg(feature = "gst")]
        Role::Frames { max_size } => {
            let (input, shared) = (next_file()?, next_file()?);
            super::frames::frames(socket, &input, &shared, max_size).map(|()| None)
        }
        #[cfg(feature = "gst")]
        Role::Proxy => {
            let (input, output) = (next_file()?, next_file()?);
            super::proxy::make(socket, &input, &output).map(Some)
        }
        #[cfg(not(feature = "gst"))]
        Role::Encode(_) | Role::Sound | Role::Frames { .. } | Role::Proxy => Err((
            FailCode::Unsupported,
            "this oTo was built without GStreamer, so it has no film".to_owned(),
        )),
    }
}

fn speak(
    socket: &UnixStream,
    shared: &File,
    text: &str,
    voice: &espeak::Voice,
) -> Result<FromWorker, Failure> {
    let (pcm, words) = voice.speak(text)?;
    let lost = |error: MediaError| (FailCode::Protocol, error.to_string());
    for part in words.chunks(200) {
        send(socket, &FromWorker::Words(part.to_vec())).map_err(lost)?;
    }
    let bytes: Vec<u8> = pcm.samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    shared.write_all_at(&bytes, 0).map_err(|e| (FailCode::TooLarge, e.to_string()))?;
    Ok(FromWorker::Pcm { rate: pcm.rate, channels: 1, samples: pcm.samples.len() as u64 })
}
