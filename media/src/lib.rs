//! All that touches media bytes: the worker process (GStreamer, image decoding, espeak-ng),
//! drawing of text and pictures, the timeline renderer and the encoder.
//! No decoder of foreign bytes runs in the caller's process.

pub mod caption;
pub mod draw;
mod error;
pub mod maths;
pub mod picture;
pub mod sniff;
pub mod timeline;
pub mod traces;
pub mod wav;
pub mod waveform;
pub mod worker;

pub use error::MediaError;
pub use tiny_skia;
