//! Published works and what people say about them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::JobKind;

/// Who may see a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its author.
    Private,
    /// Whoever has the link.
    Link,
    /// Everybody; it hangs on the wall.
    Public,
    /// A word this version does not know.
    #[serde(other)]
    Unknown,
}

/// How a work was made, as far as its author shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Recipe {
    /// Name of the agent.
    #[serde(default)]
    pub agent: String,
    /// Engine id.
    #[serde(default)]
    pub engine: String,
    /// Model.
    #[serde(default)]
    pub model: String,
    /// What was asked.
    #[serde(default)]
    pub prompt: String,
    /// Seed.
    #[serde(default)]
    pub seed: u64,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Made by a local draft engine.
    #[serde(default)]
    pub draft: bool,
    /// Unix milliseconds.
    #[serde(default)]
    pub made_at_ms: i64,
}

/// Something a work was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkSource {
    /// The published work it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<String>,
    /// What it is called.
    #[serde(default)]
    pub title: String,
    /// What it is.
    pub kind: JobKind,
}

/// Body of `POST /works`. The same id twice is the same work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewWork {
    /// A UUID made by the caller.
    pub id: String,
    /// What it is.
    pub kind: JobKind,
    /// Up to 200 characters.
    pub title: String,
    /// Words of a text work; up to 100,000 characters.
    #[serde(default)]
    pub text: String,
    /// BLAKE3 of the uploaded media; none for a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Such as "CC-BY-4.0" or "all-rights-reserved".
    #[serde(default)]
    pub licence: String,
    /// Others may make works from it.
    #[serde(default)]
    pub may_reuse: bool,
    /// Others may comment.
    #[serde(default = "yes")]
    pub may_comment: bool,
    /// Others see how it was made.
    #[serde(default)]
    pub shows_recipe: bool,
    /// Others see what it was made from.
    #[serde(default)]
    pub shows_sources: bool,
    /// How it was made; kept for the author whatever is shown.
    #[serde(default)]
    pub recipe: Recipe,
    /// What it was made from.
    #[serde(default)]
    pub sources: Vec<WorkSource>,
    /// Up to ten words to be found by.
    #[serde(default)]
    pub tags: Vec<String>,
}

fn yes() -> bool {
    true
}

/// Body of `PATCH /works/{id}`: what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkChange {
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// The licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Others may make works from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_reuse: Option<bool>,
    /// Others may comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_comment: Option<bool>,
    /// Others see how it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows_recipe: Option<bool>,
    /// Others see what it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows_sources: Option<bool>,
}

/// Who made a work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Author {
    /// The account.
    pub id: String,
    /// For addresses.
    pub handle: String,
    /// To be read.
    pub name: String,
}

/// A work as its caller may see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Work {
    /// Names it.
    pub id: String,
    /// What it is.
    pub kind: JobKind,
    /// The title.
    pub title: String,
    /// Words of a text work.
    #[serde(default)]
    pub text: String,
    /// Who made it.
    pub author: Author,
    /// Who may see it.
    pub visibility: Visibility,
    /// "checking", "shown", "held" or "removed".
    pub state: String,
    /// Why it is held or was removed, for its author.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state_reason: String,
    /// BLAKE3 of the media as it is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Media type.
    #[serde(default)]
    pub content_type: String,
    /// Bytes of the media.
    #[serde(default)]
    pub size: i64,
    /// Width and height in pixels.
    #[serde(default)]
    pub size_px: [u32; 2],
    /// Length of sound and film.
    #[serde(default)]
    pub duration_ms: i64,
    /// BLAKE3 of its picture, made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<String>,
    /// The licence.
    #[serde(default)]
    pub licence: String,
    /// Others may make works from it.
    pub may_reuse: bool,
    /// Others may comment.
    pub may_comment: bool,
    /// Others see how it was made.
    pub shows_recipe: bool,
    /// Others see what it was made from.
    pub shows_sources: bool,
    /// How it was made, if the caller may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
    /// What it was made from, if the caller may see it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<WorkSource>,
    /// How many works were made from it.
    #[serde(default)]
    pub reuses: i64,
    /// Centre on the wall, when it hangs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<[f64; 2]>,
    /// Likes.
    pub likes: i64,
    /// Votes up less votes down.
    pub votes: i64,
    /// Comments that can be read.
    pub comments: i64,
    /// The caller likes it.
    #[serde(default)]
    pub is_liked: bool,
    /// The caller's vote.
    #[serde(default)]
    pub own_vote: i64,
    /// The page anyone with the link can open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Words to be found by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds; none until it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at_ms: Option<i64>,
    /// Grows with every change; goes into `If-Match`.
    pub version: i64,
}

/// Answer of `GET /works`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkPage {
    /// In the order that was asked for.
    pub items: Vec<Work>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Body of `PUT /works/{id}/vote`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Vote {
    /// -1, 0 or 1.
    #[cfg_attr(feature = "schema", schema(minimum = -1, maximum = 1))]
    pub value: i64,
}

/// How people stand to a work, after one of them said something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Counters {
    /// Likes.
    pub likes: i64,
    /// Votes up less votes down.
    pub votes: i64,
    /// Comments that can be read.
    pub comments: i64,
    /// The caller likes it.
    pub is_liked: bool,
    /// The caller's vote.
    pub own_vote: i64,
}

/// Body of `POST /works/{id}/comments` and `PATCH /comments/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewComment {
    /// Up to 4,000 characters. `@handle` mentions a person.
    pub text: String,
    /// The comment it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Comment {
    /// Names it.
    pub id: String,
    /// The work.
    pub work: String,
    /// Who said it.
    pub author: Author,
    /// Empty when it was deleted.
    pub text: String,
    /// The comment it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at_ms: Option<i64>,
    /// It was taken away; answers to it keep their place.
    #[serde(default)]
    pub deleted: bool,
}

/// Answer of `GET /works/{id}/comments`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CommentPage {
    /// Oldest first.
    pub items: Vec<Comment>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One string between works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LineageEdge {
    /// The work that was made from.
    pub from: String,
    /// The work that was made.
    pub to: String,
}

/// One work of a thread of making; one that the caller may not see has no title and no author.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LineageNode {
    /// Names it.
    pub id: String,
    /// What it is.
    pub kind: JobKind,
    /// Empty when private.
    #[serde(default)]
    pub title: String,
    /// None when private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// Centre on the wall, when it hangs there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<[f64; 2]>,
}

/// Answer of `GET /works/{id}/lineage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Lineage {
    /// The works.
    pub nodes: Vec<LineageNode>,
    /// The strings.
    pub edges: Vec<LineageEdge>,
}
