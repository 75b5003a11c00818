//! Any server that speaks the OpenAI contract: chat completions with streaming, images and edits,
//! speech, and the `/videos` shape that several servers share. Wire shapes follow the published
//! `openai-openapi` description; OpenRouter's own shapes its `openapi.yaml`.

mod chat;
mod images;
mod speech;
mod videos;

use crate::http::{Auth, Provider, nonsense};
use crate::{
    Added, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Kind, Outcome, Output, Parameter, Place, Polled, Request, Stopped, Submitted, TokenUsage,
};

use super::common::{asks_something, outcome};

/// Which dialect of the contract a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Standard,
    OpenRouter,
}

/// One server.
#[derive(Debug)]
pub struct OpenAiCompatible {
    id: String,
    model: String,
    provider: Provider,
    dialect: Dialect,
}

impl OpenAiCompatible {
    /// A server at an address such as `https://api.example.com/v1`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Scheme("Bearer"))?;
        let is_openrouter = provider.base.host_str() == Some("openrouter.ai");
        let dialect = if is_openrouter { Dialect::OpenRouter } else { Dialect::Standard };
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider, dialect })
    }

    async fn models(&self, context: &Context) -> Result<Vec<String>, EngineError> {
        let value = self.provider.get(context, "models")?.value().await?;
        let list = value["data"].as_array().ok_or_else(nonsense)?;
        Ok(list.iter().filter_map(|m| m["id"].as_str()).map(str::to_owned).collect())
    }

    /// The model that was named, on the agent or with the engine; empty when none was.
    fn named<'a>(&'a self, request: &'a Request) -> &'a str {
        if request.model.is_empty() { &self.model } else { &request.model }
    }

    async fn model_for(&self, context: &Context, request: &Request) -> Result<String, EngineError> {
        let named = self.named(request);
        if !named.is_empty() {
            return Ok(named.to_owned());
        }
        self.models(context).await?.into_iter().next().ok_or_else(|| {
            EngineError::new(
                ErrorClass::InvalidRequest,
                "no_model",
                "The server names no model. Load one there, or name it on the agent.",
            )
        })
    }

    fn outcome(&self, model: &str, title: String, main: Output) -> Outcome {
        outcome(&self.id, model, title, main)
    }
}

/// Cost in dollars, where a server tells it, in millionths.
fn cost_micro(usage: &serde_json::Value) -> Option<i64> {
    let dollars = super::common::number(&usage["cost"])?;
    // What is absurd is not known.
    (0.0..=10_000.0).contains(&dollars).then(|| (dollars * 1e6).round() as i64)
}

/// Tokens: chats and images name them differently.
fn tokens(usage: &serde_json::Value) -> TokenUsage {
    let count = |names: [&str; 2]| names.iter().find_map(|n| super::common::count(&usage[*n]));
    TokenUsage {
        input: count(["prompt_tokens", "input_tokens"]),
        output: count(["completion_tokens", "output_tokens"]),
    }
}

impl Engine for OpenAiCompatible {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Text, Kind::Image, Kind::Voice, Kind::Video],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: local,
            params: vec![
                Parameter { name: "size", default: "1024x1024", choices: &[] },
                Parameter { name: "quality", default: "", choices: &[] },
                Parameter { name: "voice", default: "alloy", choices: &[] },
                Parameter { name: "seconds", default: "", choices: &[] },
            ],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            let models = self.models(context).await?;
            Ok(if models.is_empty() {
                Check {
                    state: CheckState::NoModel,
                    sentence: "The server answers but has no model. Load one there.".to_owned(),
                    models,
                }
            } else {
                let sentence = format!("Ready, with {} models.", models.len());
                Check { state: CheckState::Ready, sentence, models }
            })
        }))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            asks_something(request)?;
            self.provider.needs_key(context)?;
            let work = async {
                match request.kind {
                    Kind::Text => self.chat(context, request).await.map(Submitted::Finished),
                    Kind::Image => self.image(context, request).await.map(Submitted::Finished),
                    Kind::Voice => self.speech(context, request).await.map(Submitted::Finished),
                    Kind::Video => self.video(context, request).await,
                }
            };
            // Stopping closes the connection.
            tokio::select! {
                outcome = work => outcome,
                () = context.cancel.cancelled() => Err(EngineError::canceled()),
            }
        })
    }

    fn poll<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Polled, EngineError>> {
        Box::pin(self.look_at_video(context, handle))
    }

    fn cancel<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Stopped, EngineError>> {
        Box::pin(self.stop_video(context, handle))
    }
}
