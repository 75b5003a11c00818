//! Errors of engines: a class that decides what happens next, a stable code, a sentence.

use oto_media::MediaError;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Nothing was sent: try again later.
    Network,
    /// Something was sent and no answer came: never sent again by itself when it costs.
    UnknownOutcome,
    /// Too many requests: wait as long as was said.
    RateLimited,
    /// The provider is down: try again later.
    Unavailable,
    /// The provider no longer knows the request.
    EngineLostJob,
    /// The request is wrong: it fails.
    InvalidRequest,
    /// The key is refused.
    Auth,
    /// There is no credit.
    NoCredit,
    /// The provider does not want to make this.
    ContentRefused,
    /// The answer makes no sense.
    BadResponse,
    /// The result is gone.
    Expired,
    /// A needed program or codec is missing.
    Missing,
    /// The user stopped it.
    Canceled,
    /// Our fault.
    Internal,
}

impl ErrorClass {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::UnknownOutcome => "unknown_outcome",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::EngineLostJob => "engine_lost_job",
            Self::InvalidRequest => "invalid_request",
            Self::Auth => "auth",
            Self::NoCredit => "no_credit",
            Self::ContentRefused => "content_refused",
            Self::BadResponse => "bad_response",
            Self::Expired => "expired",
            Self::Missing => "missing",
            Self::Canceled => "canceled",
            Self::Internal => "internal",
        }
    }

    /// True when the same request may succeed later without anything being paid twice.
    #[must_use]
    pub fn may_retry(self) -> bool {
        matches!(self, Self::Network | Self::RateLimited | Self::Unavailable)
    }
}

/// Why an engine did not make what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What happens next.
    pub class: ErrorClass,
    /// Stable word.
    pub code: &'static str,
    /// A sentence for the user, with what to do next. Never holds a key.
    pub message: String,
    /// Status of the provider's answer.
    pub provider_status: Option<u16>,
    /// How long the provider asks to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl EngineError {
    /// Somebody stopped it.
    #[must_use]
    pub fn canceled() -> Self {
        Self::new(ErrorClass::Canceled, "canceled", "stopped")
    }

    /// An error without an answer of a provider.
    #[must_use]
    pub fn new(class: ErrorClass, code: &'static str, message: impl Into<String>) -> Self {
        Self { class, code, message: message.into(), provider_status: None, retry_after_ms: None }
    }
}

impl From<MediaError> for EngineError {
    fn from(error: MediaError) -> Self {
        let (class, code) = match &error {
            MediaError::Canceled => (ErrorClass::Canceled, "canceled"),
            MediaError::Unsupported(_) => (ErrorClass::Missing, "missing_program"),
            MediaError::NotThisKind(_) | MediaError::TooLarge(_) | MediaError::Damaged(_) => {
                (ErrorClass::InvalidRequest, "bad_media")
            }
            MediaError::TooSlow
            | MediaError::Killed
            | MediaError::Protocol
            | MediaError::Io { .. } => (ErrorClass::Internal, "media_worker"),
        };
        Self::new(class, code, error.to_string())
    }
}
