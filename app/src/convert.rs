//! Between records of a board and types of the wire.

pub(crate) mod publish;
pub(crate) mod run;
