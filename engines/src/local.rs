//! Engines that work with no key and no network. They are drafts, and say so.

mod music;
mod painter;
mod voice;
mod writer;

pub use music::{Mood, Music, compose};
pub use painter::{Painter, paint};
pub use voice::{Voice, voice_for};
pub use writer::{Writer, write};
