//! Tokens: what somebody has, what became of it, what plans there are. A token has a million
//! parts; all amounts are whole numbers of these parts.

use serde::{Deserialize, Serialize};

/// Answer of `GET /wallet`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Wallet {
    /// Free to spend.
    pub available_micro: i64,
    /// Kept for jobs under way.
    pub held_micro: i64,
    /// Owed after a refund of what was spent; nothing new is begun until it is paid.
    pub debt_micro: i64,
    /// The plan.
    pub plan: String,
    /// Spent in the last thirty days.
    pub spent_30d_micro: i64,
    /// Tokens can be bought here.
    pub can_buy: bool,
    /// When a plan is paid again, in Unix milliseconds; none without one, or when this month is its last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews_at_ms: Option<i64>,
    /// Of what is free, what ends next when it is not spent.
    #[serde(default)]
    pub ending_micro: i64,
    /// When that ends, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at_ms: Option<i64>,
}

/// Answer of `GET /get_tokens`, for simple programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TokensLeft {
    /// Whole tokens free to spend.
    pub tokens: i64,
    /// The same in millionths.
    pub micro: i64,
    /// Kept for jobs under way.
    pub held_micro: i64,
    /// The plan.
    pub plan: String,
    /// Unix milliseconds of the next grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews_at: Option<i64>,
    /// Nothing is counted here: the home on one's own desk.
    pub unlimited: bool,
}

/// A line of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LedgerLine {
    /// Names the transfer.
    pub id: String,
    /// "grant", "purchase", "hold", "capture", "release", "refund", "dispute", "restore", "expire" or "adjust".
    pub kind: String,
    /// What it did to what is free to spend.
    pub available_micro: i64,
    /// What it did to what is kept.
    pub held_micro: i64,
    /// The job it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// A few words.
    pub memo: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Answer of `GET /wallet/ledger`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LedgerPage {
    /// Newest first.
    pub items: Vec<LedgerLine>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What somebody may do here, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Plan {
    /// Names it.
    pub id: String,
    /// To be read.
    pub name: String,
    /// Price of a month, in cents.
    pub price_cents: i64,
    /// Tokens granted every month, in millionths.
    pub monthly_micro: i64,
    /// Jobs at once.
    pub concurrent_jobs: i64,
    /// Jobs in a day.
    pub jobs_per_day: i64,
    /// Bytes of published media.
    pub storage_bytes: i64,
    /// Largest upload in bytes.
    pub upload_bytes: i64,
}

/// Body of `POST /wallet/checkout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Checkout {
    /// Whole tokens to buy, 1 to 100,000; left out for a plan.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(minimum = 0, maximum = 100_000))]
    pub tokens: i64,
    /// The plan to pay by the month, instead of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// Answer of `POST /wallet/portal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PortalPage {
    /// The page of the payment service.
    pub url: String,
}

/// Answer of `POST /wallet/checkout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CheckoutPage {
    /// Names the order.
    pub order: String,
    /// The page of the payment service.
    pub url: String,
}
