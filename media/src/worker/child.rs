//! The worker's side: one task, then the end. It exits when the parent goes.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use super::fds::receive_files;
use super::protocol::{FailCode, FromWorker, Role, ToWorker, receive, send};
use super::{espeak, picture};
use crate::MediaError;

pub(super) type Failure = (FailCode, String);

/// Runs the worker until its task is done. Called on the first line of `main`, before anything
/// else is set up.
#[must_use]
pub fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work() -> Result<(), MediaError> {
    let stdin = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(MediaError::io("taking the control socket"))?;
    let socket = UnixStream::from(stdin);
    send(&socket, &FromWorker::Ready)?;
    let mut files: Vec<File> = receive_files(&socket)?.into_iter().map(File::from).collect();
    let ToWorker::Start(role) = receive(&socket)? else { return Err(MediaError::Protocol) };
    let mut next_file = || {
        if files.is_empty() {
            Err((FailCode::Protocol, "a file is missing".to_owned()))
        } else {
            Ok(files.remove(0))
        }
    };
    // Pictures and voices are spared the time that GStreamer takes to start.
    #[cfg(feature = "gst")]
    if matches!(role, Role::Encode(_) | Role::Sound | Role::Frames { .. }) {
        super::decode::init();
    }
    let outcome = (|| match role {
        Role::Picture { max_side } => {
            let (input, shared) = (next_file()?, next_file()?);
            picture::decode(input, &shared, max_side).map(Some)
        }
        Role::View => {
            let (input, shared) = (next_file()?, next_file()?);
            picture::view(&socket, input, &shared).map(|()| None)
        }
        Role::Speak { text, voice, words_per_minute } => {
            let shared = next_file()?;
            speak(&socket, &shared, &text, &voice, words_per_minute).map(Some)
        }
        #[cfg(feature = "gst")]
        Role::Encode(spec) => {
            let (shared, output) = (next_file()?, next_file()?);
            super::encode::encode(&socket, &spec, &shared, &output).map(Some)
        }
        #[cfg(feature = "gst")]
        Role::Sound => {
            let (input, shared) = (next_file()?, next_file()?);
            super::decode::sound(&input, &shared).map(Some)
        }
        #[cfg(feature = "gst")]
        Role::Frames { max_size } => {
            let (input, shared) = (next_file()?, next_file()?);
            super::decode::frames(&socket, &input, &shared, max_size).map(|()| None)
        }
        #[cfg(not(feature = "gst"))]
        Role::Encode(_) | Role::Sound | Role::Frames { .. } => Err((
            FailCode::Unsupported,
            "this oTo was built without GStreamer, so it has no film".to_owned(),
        )),
    })();
    match outcome {
        Ok(Some(last)) => send(&socket, &last),
        Ok(None) => Ok(()),
        Err((code, mut detail)) => {
            detail.truncate(detail.floor_char_boundary(2_000));
            send(&socket, &FromWorker::Failed { code, detail })
        }
    }
}

fn speak(
    socket: &UnixStream,
    shared: &File,
    text: &str,
    voice: &str,
    words_per_minute: u32,
) -> Result<FromWorker, Failure> {
    let (pcm, words) = espeak::speak(text, voice, words_per_minute)?;
    let lost = |error: MediaError| (FailCode::Protocol, error.to_string());
    for part in words.chunks(200) {
        send(socket, &FromWorker::Words(part.to_vec())).map_err(lost)?;
    }
    let bytes: Vec<u8> = pcm.samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    shared.write_all_at(&bytes, 0).map_err(|e| (FailCode::TooLarge, e.to_string()))?;
    Ok(FromWorker::Pcm { rate: pcm.rate, channels: 1, samples: pcm.samples.len() as u64 })
}
