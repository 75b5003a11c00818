//! The window.

pub(crate) mod thumbnails;

use std::path::PathBuf;

use anyhow::Result;

use crate::data::DataDir;

/// Opens the desk.
pub(crate) fn open(_data: &DataDir, _board: Option<PathBuf>) -> Result<()> {
    anyhow::bail!("not yet")
}
