//! What can go wrong with media, each with one sentence for the user.

use std::io;

/// Why media could not be opened, made or written.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The bytes are something else than what was asked for.
    #[error("this is not a {0} file oTo can open")]
    NotThisKind(&'static str),
    /// A codec is missing.
    #[error("{0}")]
    Unsupported(String),
    /// Over a limit.
    #[error("this file is too large: {0}")]
    TooLarge(String),
    /// Broken bytes.
    #[error("this file is damaged: {0}")]
    Damaged(String),
    /// The worker took too long.
    #[error("opening this took too long and was stopped")]
    TooSlow,
    /// The worker died.
    #[error("the media worker ended unexpectedly; the file may be damaged")]
    Killed,
    /// The worker broke the protocol.
    #[error("the media worker gave an answer that makes no sense")]
    Protocol,
    /// The user stopped it.
    #[error("stopped")]
    Canceled,
    /// The system refused.
    #[error("{what} failed: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl MediaError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
