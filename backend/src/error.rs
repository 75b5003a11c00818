//! Errors of the backend, inside and on the wire.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use oto_api_types::Problem;

/// Why the backend could not start or work.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The database refused.
    #[error("the database could not be used: {0}")]
    Database(#[from] sea_orm::DbErr),
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Media workers cannot be started.
    #[error("{0}")]
    Media(#[from] oto_media::MediaError),
    /// The thread of the backend ended.
    #[error("the backend stopped while starting: {0}")]
    Stopped(String),
    /// The object store refused.
    #[error("the media store could not be used: {0}")]
    Store(#[from] object_store::Error),
    /// Something is set up wrongly.
    #[error("{0}")]
    Config(#[from] crate::config::ConfigError),
}

impl BackendError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// An answer that is an error, as `application/problem+json`.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: None }
    }

    /// It may be tried again after so many seconds.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The stable word.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence.
    pub(crate) fn sentence(&self) -> &str {
        &self.detail
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Who calls is not known.
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Sign in first.")
    }

    /// Who calls is known and may not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// The account reads and changes nothing.
    pub(crate) fn frozen() -> Self {
        Self::new(
            StatusCode::LOCKED,
            "account_frozen",
            "Your account is frozen: you can read everything and change nothing. Your decisions say why, and how to object.",
        )
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("There is no such {what} here."))
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "This address does not answer to this method.",
        )
    }

    pub(crate) fn validation(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", detail)
    }
}

impl From<BackendError> for Refusal {
    fn from(error: BackendError) -> Self {
        tracing::error!(%error, "request failed");
        match trouble(&error) {
            Some(Trouble::Full) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "storage_full",
                "The server has no room left, so nothing was kept. Its operator has to make some; try again later.",
            )
            .after(300),
            Some(Trouble::ReadOnly) => {
                crate::db::refused_to_write();
                Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "cannot_write",
                "The server cannot write anything down now, so nothing was kept. Try again later.",
                )
                .after(60)
            }
            Some(Trouble::StoreAway) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "media_store_away",
                "The place where media are kept does not answer. Try again in a minute.",
            )
            .after(60),
            None => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The backend could not do this. Look at the console for the reason.",
            ),
        }
    }
}

/// What passes when somebody does something about it.
enum Trouble {
    Full,
    ReadOnly,
    StoreAway,
}

fn trouble(error: &BackendError) -> Option<Trouble> {
    use std::io::ErrorKind;
    let of_io = |source: &std::io::Error| match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Some(Trouble::Full)
        }
        // EIO: the disk itself fails.
        _ if source.raw_os_error() == Some(5) => Some(Trouble::ReadOnly),
        ErrorKind::TimedOut => Some(Trouble::StoreAway),
        ErrorKind::ReadOnlyFilesystem => Some(Trouble::ReadOnly),
        _ => None,
    };
    match error {
        BackendError::Io { source, .. }
        | BackendError::Media(oto_media::MediaError::Io { source, .. }) => of_io(source),
        BackendError::Store(_) => Some(Trouble::StoreAway),
        BackendError::Database(error) => {
            // Primary result codes of SQLite (sqlite.org/rescode.html) and conditions of PostgreSQL
            // (appendix A): only as text they come through all layers.
            let text = error.to_string();
            let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
            if says(&["disk is full", "No space left on device"]) {
                Some(Trouble::Full)
            } else if says(&[
                "disk I/O error",
                "readonly database",
                "read-only transaction",
                "unable to open database",
            ]) {
                Some(Trouble::ReadOnly)
            } else {
                None
            }
        }
        _ => None,
    }
}

impl From<sea_orm::DbErr> for Refusal {
    fn from(error: sea_orm::DbErr) -> Self {
        // A full or slow database passes; what is asked then may be asked again.
        if matches!(error, sea_orm::DbErr::ConnectionAcquire(_)) {
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporary-reduced-capacity",
                "The server is busy; try again in a few seconds.",
            )
            .after(3);
        }
        BackendError::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // For those who say the same in other words: pages, and the contract of chat clients.
        let own = self.clone();
        let problem = Problem {
            kind: format!("/problems/{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code.to_owned(),
            retry_after: self.retry_after,
        };
        let mut answer =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json")], Json(problem))
                .into_response();
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = axum::http::HeaderValue::from_static("Bearer");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        answer.extensions_mut().insert(own);
        answer
    }
}
