//! What parent and worker say to each other: JSON with a u32 (little endian) length before it, at
//! most 64 KiB. Pixels and samples travel through a shared file, never through the socket.

use std::io::{Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::MediaError;
use crate::caption::Word;

const MAX_MESSAGE: usize = 64 << 10;

/// What the worker is to do. The files come with it: input, shared memory, output, as named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Role {
    /// Decode a picture to RGBA of at most `max_side`. Files: input, shared.
    Picture { max_side: u32 },
    /// Keep a picture open and show parts of it. Files: input, shared.
    View,
    /// Speak a text. Files: shared.
    Speak { text: String, voice: String, words_per_minute: u32 },
    /// Encode a film. Files: shared, output.
    Encode(EncodeSpec),
    /// Decode sound to 48 kHz stereo 16-bit. Files: input, shared.
    Sound,
    /// Show frames of a film at this size. Files: input, shared.
    Frames { max_size: [u32; 2] },
    /// Make a small film that seeks fast. Files: input, output.
    Proxy,
    /// Try what the lock forbids.
    SelfTest,
}

impl Role {
    /// True for roles that read bytes others have made.
    pub(crate) fn is_foreign(&self) -> bool {
        match self {
            Self::Picture { .. } | Self::View | Self::Sound | Self::Frames { .. } | Self::Proxy => {
                true
            }
            Self::Speak { .. } | Self::Encode(_) | Self::SelfTest => false,
        }
    }

    /// True for roles that need GStreamer, which is loaded before the role is known.
    pub(crate) fn is_film(&self) -> bool {
        matches!(self, Self::Encode(_) | Self::Sound | Self::Frames { .. } | Self::Proxy)
    }
}

/// What of the lock is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockReport {
    pub(crate) limits: bool,
    pub(crate) landlock: bool,
    pub(crate) seccomp: bool,
}

/// What to encode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeSpec {
    /// Width and height in pixels, both even.
    pub size: [u32; 2],
    /// Frames a second, as a fraction.
    pub fps: [u32; 2],
    /// Frames in all.
    pub frames: u32,
    /// Samples at 48 kHz in the shared file behind the frame slots; zero for a silent film.
    pub samples: u64,
    /// The encoder chain to try.
    pub chain: u32,
}

/// Edge in pixels of a part of a picture.
pub(crate) const PART_EDGE: u32 = 512;

/// How many frames the shared file holds while encoding or playing.
pub(crate) const SLOTS: u64 = 4;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum ToWorker {
    /// The files were sent just before. `unlocked`: go on where the system cannot lock.
    Start {
        role: Role,
        unlocked: bool,
    },
    /// A frame lies in this slot.
    Push {
        slot: u64,
    },
    /// All frames were pushed.
    Finish,
    /// Show the frame at this time.
    Seek {
        ms: u64,
    },
    /// Show the frame after the last one shown.
    Next,
    /// Show this part of the picture, which is divided into `2^level` columns and rows.
    Part {
        level: u8,
        at: [u16; 2],
    },
    Stop,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum FromWorker {
    /// Everything that needs files is loaded, but for what the role says.
    Ready,
    /// The lock is closed, the input not yet read.
    Locked(LockReport),
    /// What a locked worker could do all the same.
    Tested {
        lock: LockReport,
        worked: Vec<String>,
    },
    /// How far a long task is.
    Progress {
        done_ms: u64,
        total_ms: u64,
    },
    /// What a film or sound is.
    Info {
        size: [u32; 2],
        duration_ms: u64,
        has_sound: bool,
    },
    /// A picture lies in this slot.
    Frame {
        slot: u64,
        size: [u32; 2],
        source: [u32; 2],
        ms: u64,
    },
    /// No frame is left.
    End,
    /// Samples lie in the shared file.
    Pcm {
        rate: u32,
        channels: u16,
        samples: u64,
    },
    /// Word times; long texts come in several messages.
    Words(Vec<Word>),
    /// The encoder has taken the frame in this slot.
    Free {
        slot: u64,
    },
    Done,
    Failed {
        code: FailCode,
        detail: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FailCode {
    NotThisKind,
    Unsupported,
    TooLarge,
    Damaged,
    TooSlow,
    Protocol,
}

pub(crate) fn send(mut socket: impl Write, message: &impl Serialize) -> Result<(), MediaError> {
    let Ok(body) = serde_json::to_vec(message) else { return Err(MediaError::Protocol) };
    if body.len() > MAX_MESSAGE {
        return Err(MediaError::TooLarge("the message to the media worker".to_owned()));
    }
    let mut frame = (body.len() as u32).to_le_bytes().to_vec();
    frame.extend_from_slice(&body);
    socket.write_all(&frame).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset => MediaError::Killed,
        _ => MediaError::Io { what: "talking to the media worker", source: error },
    })
}

pub(crate) fn receive<T: DeserializeOwned>(mut socket: impl Read) -> Result<T, MediaError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => MediaError::TooSlow,
        _ => MediaError::Killed,
    };
    let mut length = [0; 4];
    socket.read_exact(&mut length).map_err(failed)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(MediaError::Protocol);
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).map_err(failed)?;
    serde_json::from_slice(&body).or(Err(MediaError::Protocol))
}
