//! Where a prompt is: waiting, running, in the history or nowhere. Items of `/queue` are
//! `[number, prompt_id, graph, extra, outputs]` (`PromptQueue` in ComfyUI's execution.py).

use serde_json::{Value, json};

use super::super::common::number;
use super::Comfy;
use crate::http::Sends;
use crate::{Context, EngineError, Stopped};

/// Where a prompt is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// Its entry.
    History(Value),
    /// So many are before it.
    Waiting(usize, Value),
    Running(Value),
    Nowhere,
}

impl Comfy {
    /// The history first: it holds what has ended. `{}` when the prompt is not in it.
    pub(super) async fn stage(&self, context: &Context, id: &str) -> Result<Stage, EngineError> {
        let history = self.read(context, &format!("history/{id}")).await?;
        if let Some(entry) = history.get(id).filter(|entry| entry.is_object()) {
            return Ok(Stage::History(entry.clone()));
        }
        self.queued(context, id).await
    }

    async fn queued(&self, context: &Context, id: &str) -> Result<Stage, EngineError> {
        let queue = self.read(context, "queue").await?;
        let list = |name: &str| queue[name].as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(item) = list("queue_running").iter().find(|item| is(item, id)) {
            return Ok(Stage::Running(item.clone()));
        }
        let waiting = list("queue_pending");
        let Some(item) = waiting.iter().find(|item| is(item, id)) else {
            return Ok(Stage::Nowhere);
        };
        let own = number(&item[0]).unwrap_or_default();
        let before = waiting.iter().filter(|i| number(&i[0]).is_some_and(|n| n < own)).count();
        Ok(Stage::Waiting(before, item.clone()))
    }

    /// A server that has no such page says nothing about the prompt.
    async fn read(&self, context: &Context, path: &str) -> Result<Value, EngineError> {
        // The queue repeats every workflow in it.
        match self.provider.get(context, path)?.with_media().value().await {
            Err(error) if error.provider_status == Some(404) => Ok(Value::Null),
            other => other,
        }
    }

    /// Takes it out of the queue, or interrupts it. Older servers interrupt whatever runs, without
    /// looking at the id: never sent unless it is ours that runs.
    pub(super) async fn stop(&self, context: &Context, id: &str) -> Result<Stopped, EngineError> {
        let mut stage = self.queued(context, id).await?;
        if matches!(stage, Stage::Waiting(..)) {
            self.tell(context, "queue", &json!({ "delete": [id] })).await?;
            // It may have begun just before.
            stage = self.queued(context, id).await?;
            if stage == Stage::Nowhere {
                return Ok(Stopped::Done);
            }
        }
        match stage {
            Stage::Running(_) => {
                self.tell(context, "interrupt", &json!({ "prompt_id": id })).await?;
                Ok(Stopped::Requested)
            }
            Stage::Waiting(..) => Ok(Stopped::Requested),
            Stage::Nowhere | Stage::History(_) => Ok(Stopped::AlreadyFinished),
        }
    }

    /// The answer has no body.
    async fn tell(&self, context: &Context, path: &str, body: &Value) -> Result<(), EngineError> {
        let call = self.provider.post(context, path, Sends::Nothing)?.json(body);
        call.response().await.map(drop)
    }
}

/// By its own id, or by the client id, which is the same: a server that gives out ids of its own
/// still keeps that one.
fn is(item: &Value, id: &str) -> bool {
    item[1] == id || item[3]["client_id"] == id
}
