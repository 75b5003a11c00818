//! The web interface for Stable Diffusion by Automatic1111, and those that speak its interface.
//! Wire shapes follow its source: `stable-diffusion-webui`, modules/api/{api,models}.py.

mod picture;
mod watch;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::http::{Auth, Provider, nonsense};
use crate::{
    Added, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Kind, Parameter, Place, Request, Submitted,
};

use super::common::{asks_something, makes_no};

/// One server.
#[derive(Debug)]
pub struct A1111 {
    id: String,
    model: String,
    provider: Provider,
    /// The server makes one picture at a time, and its progress and its stop button belong to
    /// whichever that is: so this engine asks for one at a time.
    turn: Mutex<()>,
}

impl A1111 {
    /// A server; the model is the name of a checkpoint, empty for the one that is loaded. The key
    /// is `name:password` when it was started with `--api-auth`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Basic)?;
        let (id, model) = (added.name.clone(), added.model.clone());
        Ok(Self { id, model, provider, turn: Mutex::default() })
    }

    /// Names in a list of the server.
    async fn names(
        &self,
        context: &Context,
        path: &str,
        field: &str,
    ) -> Result<Vec<String>, EngineError> {
        let list = self.provider.get(context, path)?.value().await?;
        let list = list.as_array().ok_or_else(nonsense)?;
        Ok(list.iter().filter_map(|m| m[field].as_str()).map(str::to_owned).collect())
    }

    async fn looked(&self, context: &Context) -> Result<Check, EngineError> {
        let models = match self.names(context, "sdapi/v1/sd-models", "model_name").await {
            Err(error) if error.provider_status == Some(404) => {
                return Ok(Check {
                    state: CheckState::Unreachable,
                    sentence: "The server answers, but not to programs. Start it with --api."
                        .to_owned(),
                    models: Vec::new(),
                });
            }
            other => other?,
        };
        if models.is_empty() {
            let sentence = "The server answers but has no model. Put a checkpoint into its folder models/Stable-diffusion.";
            return Ok(Check { state: CheckState::NoModel, sentence: sentence.to_owned(), models });
        }
        let samplers = self.names(context, "sdapi/v1/samplers", "name").await?;
        // A few names are enough to know how they are written.
        let some = samplers.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
        let sentence = format!(
            "Ready, with {} models and {} samplers, such as {some}.",
            models.len(),
            samplers.len()
        );
        Ok(Check { state: CheckState::Ready, sentence, models })
    }
}

/// The graphics card is too small for what was asked: trying again does not help.
fn reading(_: u16, body: &Value) -> Option<(ErrorClass, &'static str)> {
    let is_full = body["error"].as_str() == Some("OutOfMemoryError");
    is_full.then_some((ErrorClass::InvalidRequest, "too_much"))
}

impl Engine for A1111 {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        let parameter = |(name, default)| Parameter { name, default, choices: &[] };
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Image],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: local,
            params: [
                ("negative_prompt", ""),
                ("width", ""),
                ("height", ""),
                ("steps", picture::STEPS),
                ("cfg_scale", ""),
                ("sampler_name", ""),
                ("scheduler", ""),
                ("denoising_strength", picture::STRENGTH),
            ]
            .map(parameter)
            .into(),
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, self.looked(context)))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            asks_something(request)?;
            if request.kind != Kind::Image {
                return Err(makes_no(request.kind));
            }
            self.provider.needs_key(context)?;
            context.report(0.0, "waiting for its turn");
            let _turn = tokio::select! {
                turn = self.turn.lock() => turn,
                () = context.cancel.cancelled() => return Err(EngineError::canceled()),
            };
            self.paint(context, request).await.map(Submitted::Finished)
        })
    }
}
