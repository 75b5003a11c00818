//! The job engine. The row of a job is what people see of it; every write of a worker carries the
//! number of its lease, so that a worker that was given up on can change nothing.

pub(crate) mod charge;
mod end;
pub(crate) mod queue;
pub(crate) mod row;
mod run;
mod sources;
pub(crate) mod stages;
mod submission;
pub(crate) mod told;

pub(crate) use end::{keep_late, not_kept};
pub(crate) use run::work;
