//! Why a home did not do what was asked.

use oto_api_types::Problem;

/// An error of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No answer.
    #[error("the backend does not answer; try again, or restart oTo if it stays so")]
    Unreachable,
    /// The home refused, with a sentence.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// The answer makes no sense.
    #[error("the backend’s answer makes no sense; update oTo and the backend to the same version")]
    Nonsense,
    /// A file could not be read or written.
    #[error("a file could not be moved: {0}")]
    File(String),
}

impl ClientError {
    /// A file could not be read or written.
    pub(crate) fn of_file(error: std::io::Error) -> Self {
        Self::File(error.to_string())
    }

    /// True when trying again may help: no answer, a broken transfer, a fault of the home's own.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable | Self::File(_) | Self::Nonsense => true,
            Self::Refused(problem) => problem.status >= 500,
        }
    }

    /// True when the home answered that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 404)
    }
}
