//! The call lasts as long as the work; meanwhile the server is asked how far it is.

use std::convert::Infallible;
use std::time::Duration;

use serde_json::Value;

use super::super::common::number;
use super::{A1111, reading};
use crate::http::Sends;
use crate::{Context, EngineError};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(700);
/// For a question or a stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the server works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    /// This request, or the server does not say.
    Ours,
    /// Something else: its progress is not ours, and it must not be stopped.
    Other,
}

fn now(answer: &Value, task: &str) -> Now {
    match answer["current_task"].as_str() {
        Some(other) if other != task => Now::Other,
        _ => Now::Ours,
    }
}

impl A1111 {
    /// Sends the work and waits for it; a stop is passed on.
    pub(super) async fn make(
        &self,
        context: &Context,
        path: &str,
        body: &Value,
        task: &str,
    ) -> Result<Value, EngineError> {
        let call = self.provider.post(context, path, Sends::Whole)?.reading(reading).json(body);
        tokio::select! {
            biased;
            answer = call.value() => {
                // A server that is stopped answers with what it painted so far: that is no result.
                if context.cancel.is_cancelled() { Err(EngineError::canceled()) } else { answer }
            }
            () = context.cancel.cancelled() => {
                self.interrupt(context, task).await;
                Err(EngineError::canceled())
            }
            never = self.watch(context, task) => match never {},
        }
    }

    async fn watch(&self, context: &Context, task: &str) -> Infallible {
        loop {
            tokio::time::sleep(PAUSE).await;
            // A question without an answer changes nothing: the call tells the truth.
            let Some(answer) = self.ask(context).await else { continue };
            if now(&answer, task) == Now::Other {
                context.report(0.02, "waiting for its turn");
                continue;
            }
            let state = &answer["state"];
            let step = number(&state["sampling_step"]).unwrap_or_default();
            let steps = number(&state["sampling_steps"]).unwrap_or_default();
            let progress = number(&answer["progress"]).unwrap_or_default().clamp(0.0, 1.0);
            if progress > 0.0 {
                let message = if steps > 0.0 {
                    format!("step {step:.0} of {steps:.0}")
                } else {
                    "making".to_owned()
                };
                context.report((0.05 + 0.9 * progress) as f32, &message);
            }
        }
    }

    async fn ask(&self, context: &Context) -> Option<Value> {
        let path = "sdapi/v1/progress?skip_current_image=true";
        let call = self.provider.get(context, path).ok()?;
        tokio::time::timeout(PATIENCE, call.value()).await.ok()?.ok()
    }

    /// Presses the stop button, unless the server works on something else.
    async fn interrupt(&self, context: &Context, task: &str) {
        let other = self.ask(context).await.is_some_and(|a| now(&a, task) == Now::Other);
        if other {
            return;
        }
        let call = self.provider.post(context, "sdapi/v1/interrupt", Sends::Nothing);
        if let Ok(call) = call {
            // A server that does not hear it goes on alone; its picture is not taken.
            tokio::time::timeout(PATIENCE, call.response()).await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn work_of_others_is_told_apart() {
        assert_eq!(now(&json!({ "current_task": "task(a)" }), "task(a)"), Now::Ours);
        assert_eq!(now(&json!({ "current_task": "task(b)" }), "task(a)"), Now::Other);
        for silent in [json!({ "current_task": null }), json!({ "progress": 0.5 })] {
            assert_eq!(now(&silent, "task(a)"), Now::Ours);
        }
    }
}
