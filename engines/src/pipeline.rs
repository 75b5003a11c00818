//! What is made in stages: each stage is a request of its own, at any engine, and becomes a work of
//! its own. A pipeline only says what is to be made next; who sends, waits, stops and goes on after
//! a crash is the job engine of the backend.

use std::collections::BTreeMap;

use crate::{EngineError, Input, Kind, Request};

/// A request that is part of a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Names it within the whole, always the same for the same request: "script", "voice-02".
    pub key: String,
    /// What people call it until it has a title of its own.
    pub title: String,
    /// It is called so for ever: what is asked says little about it.
    pub keeps_title: bool,
    /// What to make.
    pub kind: Kind,
    /// Engine id.
    pub engine: String,
    /// Model, empty for the engine's choice.
    pub model: String,
    /// What is asked: all of it, since stages get no inputs.
    pub prompt: String,
    /// Seed.
    pub seed: u64,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
    /// Keys of the stages it is made from; for its strings.
    pub from_stages: Vec<String>,
    /// Places of the sources it is made from in the request; for its strings.
    pub from_inputs: Vec<usize>,
}

/// How a stage stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageState {
    /// Not finished.
    UnderWay,
    /// Here it is.
    Made(Input),
    /// It could not be made: the sentence.
    Failed(String),
    /// Somebody stopped it, or it never had its turn: in a few words.
    Stopped(String),
}

/// Stages that were begun, by key.
pub type Stages = BTreeMap<String, StageState>;

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing before something ends.
    Wait,
    /// These are to be made, at the same time; then the question is asked again.
    Make(Vec<Stage>),
    /// All is there: the engine is asked to put it together. The stages come as inputs with their
    /// keys.
    Assemble,
}

/// An engine whose works are made in stages.
pub trait Pipeline: Sync {
    /// What is to be made next. Pure: the same request and stages give the same answer, also after
    /// a crash or by another process.
    ///
    /// # Errors
    /// When the request cannot be carried out, or a stage has failed and nothing can stand in.
    fn next(&self, request: &Request, stages: &Stages) -> Result<Next, EngineError>;

    /// Engines its stages will need: the name of the setting, the engine's id and what it must make.
    /// Asked before anything is begun, so that nothing is paid for a whole that cannot be finished.
    ///
    /// # Errors
    /// When the request cannot be carried out.
    fn needs(&self, request: &Request) -> Result<Vec<(String, String, Kind)>, EngineError>;

    /// A stage's words as people read and change them, when they differ from what its engine wrote;
    /// the pipeline understands both.
    fn readable(&self, _key: &str, _text: &str) -> Option<String> {
        None
    }

    /// How far the whole is, 0..=1, when its stages are this far; a stage that is not begun counts
    /// as nothing.
    fn progress(&self, stages: &[(&str, f32)]) -> f32;
}
