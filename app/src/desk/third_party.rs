//! Glue to foreign crates.

pub(super) mod egui;
