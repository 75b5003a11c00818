//! What client and server say to each other under `/api/v1`: wire types and nothing else.
//! The contract only grows; unknown fields are ignored and unknown words read as `Unknown`.
#![warn(missing_docs)]

pub mod asset;
pub mod engine;
pub mod home;
pub mod job;
pub mod problem;
pub mod usage;

pub use asset::Asset;
pub use engine::{Adapter, CheckResult, CheckState, Engine, EngineConfig, Found, Parameter, Place};
pub use home::HomeInfo;
pub use job::{
    Job, JobCost, JobError, JobEstimate, JobEvent, JobInput, JobKind, JobOutput, JobPage,
    JobProgress, JobStage, JobStatus, NewJob, Word,
};
pub use problem::Problem;
pub use usage::{Budget, Usage, UsageRow};
