//! Questions to a board.

mod filter;
mod lineage;

pub use filter::{NoteFilter, search};
pub use lineage::{Lineage, lineage, relatives};
