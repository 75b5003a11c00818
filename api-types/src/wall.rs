//! The shared wall in tiles. A tile of level z is 1024 × 2^z units wide; level 0 is nearest.

use serde::{Deserialize, Serialize};

use crate::JobKind;

/// A work on the wall, as far as a tile tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TileItem {
    /// The work.
    pub id: String,
    /// Centre, in units of the wall.
    pub x: f64,
    /// Centre, in units of the wall.
    pub y: f64,
    /// Width in units.
    pub w: f64,
    /// Height in units.
    pub h: f64,
    /// What it is.
    pub kind: JobKind,
    /// Empty from afar.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// First words of a text; empty from afar.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// Handle of its author.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// BLAKE3 of its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<String>,
    /// Likes.
    #[serde(default)]
    pub likes: i64,
    /// Grows with every change.
    #[serde(default)]
    pub version: i64,
    /// Works on the wall that it was made from, as far as they are shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<TileSource>,
}

/// Where a string of a tile's work leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TileSource {
    /// The work.
    pub id: String,
    /// Its centre.
    pub x: f64,
    /// Its centre.
    pub y: f64,
}

/// One of 16 × 16 cells of a far tile; empty ones are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TileCell {
    /// Column, 0 to 15.
    pub cx: u8,
    /// Row, 0 to 15.
    pub cy: u8,
    /// Works in it.
    pub count: i64,
    /// Texts, pictures, voices, films.
    pub kinds: [i64; 4],
    /// Average colour, 0xRRGGBB.
    pub rgb: u32,
    /// The work that is liked most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
}

/// Answer of `GET /shared/tiles/{z}/{x}/{y}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tile {
    /// Level, 0 to 20.
    pub z: u8,
    /// Column; 0 begins at the middle of the wall.
    pub x: i64,
    /// Row; 0 begins at the middle of the wall.
    pub y: i64,
    /// Works, levels 0 to 6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<TileItem>,
    /// Works that are left out.
    #[serde(default)]
    pub more: i64,
    /// Cells, levels 7 to 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<TileCell>,
}

/// An event of `GET /shared/events`: something changed in this tile of level 0. A hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WallEvent {
    /// Column at level 0.
    pub x: i64,
    /// Row at level 0.
    pub y: i64,
}

/// Answer of `GET /shared/extent`: how far the wall goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WallExtent {
    /// Left edge in units.
    pub left: f64,
    /// Upper edge in units.
    pub top: f64,
    /// Right edge in units.
    pub right: f64,
    /// Lower edge in units.
    pub bottom: f64,
    /// Plots that are given.
    pub plots: i64,
    /// Works that hang.
    pub works: i64,
}
