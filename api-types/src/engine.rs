//! What can make something.

use serde::{Deserialize, Serialize};

use crate::JobKind;

/// Where an engine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Inside the home.
    Local,
    /// A server on the same machine.
    Loopback,
    /// Somewhere else.
    Remote,
    /// A word this version does not know.
    #[serde(other)]
    Unknown,
}

/// One parameter of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Parameter {
    /// Its name, as in `params`.
    pub name: String,
    /// Value when none is given.
    pub default: String,
    /// Allowed values; empty when any will do.
    #[serde(default)]
    pub choices: Vec<String>,
}

/// An engine of this home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Engine {
    /// Names it in jobs and runs.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// What it makes.
    pub kinds: Vec<JobKind>,
    /// Where it works.
    pub place: Place,
    /// True for local drafts.
    pub draft: bool,
    /// True when it works only with a key.
    pub needs_key: bool,
    /// Its parameters.
    #[serde(default)]
    pub params: Vec<Parameter>,
    /// Address, for engines that were added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Adapter type ("openai"), for engines that were added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
}

/// A kind of engine that can be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Adapter {
    /// Names it in [`EngineConfig`].
    pub id: String,
    /// What people call the service or program.
    pub label: String,
    /// Where it usually is; empty when everybody has their own address.
    #[serde(default)]
    pub base_url: String,
}

/// An engine to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EngineConfig {
    /// Adapter type, such as "openai".
    pub adapter: String,
    /// Address, such as `https://api.example.com/v1`; empty for the adapter's usual one.
    #[serde(default)]
    pub base_url: String,
    /// Model; empty for the engine's choice.
    #[serde(default)]
    pub model: String,
}

/// Whether an engine can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It can.
    Ready,
    /// Its key is missing.
    NoKey,
    /// Its key is refused.
    Unauthorised,
    /// It does not answer.
    Unreachable,
    /// It has no model or program to work with.
    NoModel,
    /// The account has no credit.
    OutOfCredit,
    /// A word this version does not know.
    #[serde(other)]
    Unknown,
}

/// Answer of `POST /engines/{id}/check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CheckResult {
    /// In a word.
    pub state: CheckState,
    /// In a sentence, with what to do next.
    pub sentence: String,
    /// Models the server names.
    #[serde(default)]
    pub models: Vec<String>,
}

/// A server found on this machine, offered and never used unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Found {
    /// "ollama", "llamacpp", "lmstudio", "comfyui", …
    pub server: String,
    /// Adapter for [`EngineConfig`].
    #[serde(default)]
    pub adapter: String,
    /// What people call it.
    pub label: String,
    /// Address for [`EngineConfig`].
    pub base_url: String,
    /// Models it names.
    pub models: Vec<String>,
}
