//! What was made and what it cost.

use serde::{Deserialize, Serialize};

/// Sums of one day, engine, agent and kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UsageRow {
    /// Days since 1970-01-01, of UTC.
    pub day: i64,
    /// Engine id.
    pub engine: String,
    /// "text", "image", "voice", "video".
    pub kind: String,
    /// Jobs that ended.
    pub calls: i64,
    /// Those that made something.
    pub succeeded: i64,
    /// How long they took together, in milliseconds.
    pub took_ms: i64,
    /// Bytes of what they made.
    pub bytes: i64,
    /// What is known of their cost, in millionths of a US dollar.
    pub cost_micro: i64,
    /// Jobs whose cost nobody knows.
    pub unknown: i64,
    /// Name of the agent that asked; empty when it is not known.
    #[serde(default)]
    pub agent: String,
    /// How often the engine was asked for them: tries count.
    #[serde(default)]
    pub attempts: i64,
    /// Tokens that went in, as far as engines tell.
    #[serde(default)]
    pub tokens_in: i64,
    /// Tokens that came out, as far as engines tell.
    #[serde(default)]
    pub tokens_out: i64,
    /// Length of the sound and film that was made, in milliseconds.
    #[serde(default)]
    pub media_ms: i64,
}

/// Limits that the user set, in millionths of a US dollar; none when there is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Budget {
    /// For a day of UTC.
    #[serde(default)]
    pub day_micro: Option<i64>,
    /// For thirty days.
    #[serde(default)]
    pub month_micro: Option<i64>,
}

/// Answer of `GET /usage`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Newest day first.
    pub items: Vec<UsageRow>,
    /// Known cost of today.
    pub today_micro: i64,
    /// Known cost of the last thirty days.
    pub month_micro: i64,
    /// The limits.
    pub budget: Budget,
    /// Version of the price list.
    #[serde(default)]
    pub prices: String,
}
