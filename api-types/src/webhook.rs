//! Endpoints of others that are told what happens.

use serde::{Deserialize, Serialize};

/// Body of `POST /webhook-endpoints`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewWebhook {
    /// Begins with https://.
    pub url: String,
    /// Such as `job.succeeded`.
    pub kinds: Vec<String>,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// Names it.
    pub id: String,
    /// Where messages go.
    pub url: String,
    /// What it is told.
    pub kinds: Vec<String>,
    /// "on", or "off" after it failed for days.
    pub state: String,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Signs messages (standard-webhooks.com); told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WebhookDelivery {
    /// Its `webhook-id`.
    pub id: String,
    /// Such as `job.succeeded`.
    pub kind: String,
    /// "open", "done" or "failed".
    pub state: String,
    /// Tries so far.
    pub attempts: i64,
    /// Status of the last answer; 0 when there was none.
    #[serde(default)]
    pub answer: Option<i64>,
    /// Unix milliseconds of the next try.
    pub due_at_ms: i64,
    /// Unix milliseconds.
    pub created_at_ms: i64,
}
