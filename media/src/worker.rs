//! The media worker: a process of its own that decodes, encodes and speaks. The parent starts its
//! own executable with `media-worker` as first argument; the control socket is the worker's
//! standard input, and files travel over it, so that a worker can be started before it is known
//! what it will work on. One file, one worker: one that dies costs one card.

mod child;
#[cfg(feature = "gst")]
mod decode;
#[cfg(feature = "gst")]
mod encode;
mod espeak;
mod fds;
mod parent;
mod picture;
mod protocol;

pub use child::main;
#[cfg(feature = "gst")]
pub use decode::ELEMENTS as DECODE_ELEMENTS;
pub use parent::{Encoder, FramePlayer, MediaInfo, PictureViewer, Speech, Workers};
pub use protocol::EncodeSpec;

/// The hidden first argument that turns the program into a worker.
pub const WORKER_ARGUMENT: &str = "media-worker";
