//! People: signing in, their own account, and what others see of them.

use serde::{Deserialize, Serialize};

/// Body of `POST /auth/register`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Register {
    /// Where letters go; it is not shown to others.
    pub email: String,
    /// 10 to 128 characters.
    pub password: String,
    /// Names the person in addresses: 3 to 30 of a–z, 0–9 and `_`.
    pub handle: String,
    /// The name that others read.
    pub name: String,
}

/// Body of `POST /auth/login`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Login {
    /// As it was registered.
    pub email: String,
    /// The password.
    pub password: String,
}

/// A pair of tokens. The refresh token is good for one use; each use gives a new pair.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tokens {
    /// Goes with every call as `Authorization: Bearer`.
    pub access_token: String,
    /// "Bearer".
    pub token_type: String,
    /// Seconds until the access token ends.
    pub expires_in: u64,
    /// For `POST /auth/refresh`.
    pub refresh_token: String,
}

/// Body of `POST /auth/refresh` and `POST /auth/logout`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Refresh {
    /// The newest refresh token.
    pub refresh_token: String,
}

/// Body of `POST /auth/device/code` (RFC 8628).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceStart {
    /// What the person will read that asks, such as "oTo on lisboa".
    #[serde(default)]
    pub client: String,
}

/// Answer of `POST /auth/device/code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceCode {
    /// Secret of the asking program.
    pub device_code: String,
    /// What the person types: eight consonants with a hyphen.
    pub user_code: String,
    /// The page where it is typed.
    pub verification_uri: String,
    /// The same page with the code filled in.
    pub verification_uri_complete: String,
    /// Seconds.
    pub expires_in: u64,
    /// Seconds between two questions.
    pub interval: u64,
}

/// Body of `POST /auth/device/token`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceToken {
    /// From [`DeviceCode`].
    pub device_code: String,
}

/// Body of `POST /auth/device/decide`: the signed-in person allows or refuses a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeviceDecision {
    /// As typed; case, spaces and hyphens do not matter.
    pub user_code: String,
    /// True to let it in.
    pub allow: bool,
}

/// Body of `POST /auth/password/forgot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Forgot {
    /// Where the letter goes, if it is known.
    pub email: String,
}

/// Body of `POST /auth/password/reset`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Reset {
    /// From the letter.
    pub token: String,
    /// The new password.
    pub password: String,
}

/// Body of `POST /auth/email/verify`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Verify {
    /// From the letter.
    pub token: String,
}

/// A place on the wall, in the units of a board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HomeSpot {
    /// Left edge of the plot.
    pub x: f64,
    /// Upper edge of the plot.
    pub y: f64,
    /// Its side.
    pub side: f64,
}

/// One's own account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Account {
    /// Names the account for ever.
    pub id: String,
    /// Names the person in addresses.
    pub handle: String,
    /// The name that others read.
    pub name: String,
    /// A few words about oneself.
    pub bio: String,
    /// Where letters go.
    pub email: String,
    /// The address was proved.
    pub email_verified: bool,
    /// "member", "moderator" or "admin".
    pub role: String,
    /// "active", "limited", "frozen" or "suspended".
    pub state: String,
    /// Why it is not active, in words.
    #[serde(default)]
    pub state_reason: String,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// The first plot.
    pub home: HomeSpot,
    /// Those who follow.
    pub followers: i64,
    /// Those who are followed.
    pub following: i64,
    /// Works that others can see.
    pub works: i64,
    /// Unix milliseconds, when the account was asked to be deleted: it goes fourteen days later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves_at_ms: Option<i64>,
}

/// Body of `PATCH /me`: what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AccountChange {
    /// The name that others read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
}

/// Body of `DELETE /me`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Leave {
    /// Asked again, since this cannot be taken back after fourteen days.
    pub password: String,
    /// Works stay on the wall without a name; else they are removed.
    #[serde(default)]
    pub keep_works: bool,
}

/// What others see of a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Person {
    /// Names the account.
    pub id: String,
    /// Names the person in addresses.
    pub handle: String,
    /// The name to be read.
    pub name: String,
    /// A few words.
    pub bio: String,
    /// Where they live on the wall.
    pub home: HomeSpot,
    /// Works that can be seen.
    pub works: i64,
    /// Those who follow.
    pub followers: i64,
    /// The caller follows.
    #[serde(default)]
    pub is_followed: bool,
}

/// Answer of `GET /people`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PersonPage {
    /// Best match first.
    pub items: Vec<Person>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Body of `POST /api-keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// Such as `jobs:write`.
    pub scopes: Vec<String>,
    /// Most it may spend in a day, in millionths of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_limit_micro: Option<i64>,
    /// Most it may spend in thirty days, in millionths of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_limit_micro: Option<i64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
}

/// A key of one's own for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// Names it.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Most it may spend in a day, in millionths of a token.
    #[serde(default)]
    pub day_limit_micro: Option<i64>,
    /// Most it may spend in thirty days, in millionths of a token.
    #[serde(default)]
    pub month_limit_micro: Option<i64>,
    /// Unix milliseconds.
    #[serde(default)]
    pub expires_at_ms: Option<i64>,
    /// Unix milliseconds.
    #[serde(default)]
    pub last_used_at_ms: Option<i64>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// The key itself, told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}
// What carries a secret shows nothing of it.
hidden!(Register, Login, Tokens, Refresh, DeviceToken, Reset, Verify, Leave);
