//! The media worker: a process of its own that decodes, encodes and speaks. The parent starts its
//! own executable with `media-worker` as first argument; the control socket is the worker's
//! standard input, and files travel over it, so that a worker can be started before it is known
//! what it will work on. One file, one worker: one that dies costs one card.

mod child;
#[cfg(feature = "gst")]
mod encode;
mod espeak;
mod fds;
#[cfg(feature = "gst")]
mod frames;
mod isolation;
mod parent;
mod picture;
mod players;
#[cfg(feature = "gst")]
mod plugins;
mod protocol;
#[cfg(feature = "gst")]
mod proxy;
#[cfg(feature = "gst")]
mod reader;
mod sandbox;
mod selftest;
mod session;
#[cfg(feature = "gst")]
mod sound;
mod spawn;
#[cfg(feature = "gst")]
mod stream;

pub use child::main;
pub use isolation::{Isolation, IsolationReport};
pub use parent::{MediaInfo, Speech, Workers};
pub use players::{Encoder, FramePlayer, PictureViewer};
#[cfg(feature = "gst")]
pub use plugins::ELEMENTS as DECODE_ELEMENTS;
pub use protocol::EncodeSpec;

/// The hidden first argument that turns the program into a worker.
pub const WORKER_ARGUMENT: &str = "media-worker";
/// The last argument of a worker that loads GStreamer before it knows its role.
const FILMS_ARGUMENT: &str = "films";
/// The last argument of a run that writes GStreamer's registry, and never sees a file of others.
const PROBE_ARGUMENT: &str = "probe";
