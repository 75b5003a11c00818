//! What client and server say to each other under `/api/v1`: wire types and nothing else.
//! The contract only grows; unknown fields are ignored and unknown words read as `Unknown`.
#![warn(missing_docs)]

pub mod account;
pub mod alias;
pub mod asset;
pub mod engine;
pub mod home;
pub mod job;
pub mod notice;
pub mod problem;
pub mod usage;
pub mod wall;
pub mod wallet;
pub mod webhook;
pub mod work;

pub use account::{
    Account, AccountChange, ApiKey, DeviceCode, DeviceDecision, DeviceStart, DeviceToken, Forgot,
    HomeSpot, Leave, Login, NewApiKey, Person, PersonPage, Refresh, Register, Reset, Tokens,
    Verify,
};
pub use alias::{CompatJob, Generate, Generating};
pub use asset::Asset;
pub use engine::{Adapter, CheckResult, CheckState, Engine, EngineConfig, Found, Parameter, Place};
pub use home::HomeInfo;
pub use job::{
    Job, JobCost, JobError, JobEstimate, JobEvent, JobInput, JobKind, JobOutput, JobPage,
    JobProgress, JobStage, JobStatus, NewJob, Word,
};
pub use notice::{
    Appeal, Decision, DecisionPage, NewReport, NoticeSettings, Notification, NotificationPage,
    Report,
};
pub use problem::Problem;
pub use usage::{Budget, Usage, UsageRow};
pub use wall::{Tile, TileCell, TileItem, TileSource, WallEvent, WallExtent};
pub use wallet::{
    Checkout, CheckoutPage, LedgerLine, LedgerPage, Plan, PortalPage, TokensLeft, Wallet,
};
pub use work::{
    Author, Comment, CommentPage, Counters, Lineage, LineageEdge, LineageNode, NewComment, NewWork,
    Recipe, Visibility, Vote, Work, WorkChange, WorkPage, WorkSource,
};
