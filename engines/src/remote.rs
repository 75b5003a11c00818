//! Engines behind HTTP.

mod base64;
mod openai_compatible;

pub use openai_compatible::OpenAiCompatible;
