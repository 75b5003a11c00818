//! Between records of a board and types of the wire.

pub(crate) mod run;
