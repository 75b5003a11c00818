//! What a person is told, and what people report.

use serde::{Deserialize, Serialize};

use crate::work::Author;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Notification {
    /// Names it.
    pub id: String,
    /// "like", "comment", "mention", "follow", "reuse", "decision", "payment" or "job".
    pub kind: String,
    /// Who did it, if it was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Author>,
    /// The work it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<String>,
    /// In words.
    pub text: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// It was read.
    pub read: bool,
}

/// Answer of `GET /notifications`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NotificationPage {
    /// Newest first.
    pub items: Vec<Notification>,
    /// Those that were not read, on all pages.
    pub unread: i64,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What somebody wants to be told of: body and answer of `/notifications/settings`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NoticeSettings {
    /// Kinds that are not told: some of "like", "comment", "mention", "follow" and "reuse".
    #[serde(default)]
    pub off: Vec<String>,
    /// A letter once a day with what was not read.
    #[serde(default)]
    pub digest: bool,
}

/// Body of `POST /reports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewReport {
    /// "work", "comment" or "account".
    pub target_kind: String,
    /// Its id.
    pub target: String,
    /// "spam", "abuse", "sexual", "violence", "copyright", "privacy" or "other".
    pub reason: String,
    /// Up to 2,000 characters.
    #[serde(default)]
    pub text: String,
}

/// A report of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Report {
    /// Names it.
    pub id: String,
    /// "open" or "closed".
    pub state: String,
    /// Unix milliseconds.
    pub created_at_ms: i64,
}

/// What was decided about something of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Decision {
    /// Names it.
    pub id: String,
    /// "work", "comment" or "account".
    pub target_kind: String,
    /// Its id.
    pub target: String,
    /// "keep", "label", "unpublish", "remove", "freeze", "limit", "suspend" or "restore".
    pub action: String,
    /// Why, in words.
    pub reason: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// "none", "open", "upheld" or "overturned".
    pub appeal: String,
    /// Unix milliseconds: until then it can be appealed against.
    pub appeal_until_ms: i64,
}

/// Answer of `GET /me/decisions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionPage {
    /// Newest first.
    pub items: Vec<Decision>,
}

/// Body of `POST /appeals`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Appeal {
    /// The decision.
    pub decision: String,
    /// Why it was wrong; up to 2,000 characters.
    pub text: String,
}
