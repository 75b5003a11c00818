//! Shotstack: a film is cut in the cloud from an edit in JSON. Wire shapes follow its published
//! description (github.com/shotstack/oas-api-definition: schemas, definitions/edit.yaml).

pub mod edit;
mod export;
pub mod fit;
pub mod flat;
mod guard;
mod import;
#[cfg(test)]
mod tests;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::{expired, handle_from, handle_of, lost, makes_no, outcome, text};
use super::media::output_in;
use crate::http::{Auth, MAX_FILM, Provider, Sends, invalid, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, Context, Description, Engine, EngineError, ErrorClass, Kind, Outcome,
    Parameter, Pending, Place, Polled, Request, Submitted,
};

pub use export::{Sources, export};
pub use import::{Imported, import};

/// A server may not know an id at once.
const FRESH_MS: i64 = 60_000;
/// Films are deleted after a day.
const RESULT_LIFE_MS: i64 = 86_400_000;

/// One account.
#[derive(Debug)]
pub struct Shotstack {
    id: String,
    provider: Provider,
}

#[derive(Serialize, Deserialize)]
struct Handle {
    get: String,
    title: String,
    stage: bool,
    sent_ms: i64,
}

impl Shotstack {
    /// An account; the address ends in `/stage` for trials with a watermark, or in `/v1`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Header("x-api-key"))?;
        Ok(Self { id: added.name.clone(), provider })
    }

    async fn render(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        if request.kind != Kind::Video {
            return Err(makes_no(request.kind));
        }
        let edit = request.param("edit", "");
        if edit.is_empty() {
            return Err(invalid(
                "There is no edit to render. Export a film for Shotstack, and put its JSON into the parameter “edit”.",
            ));
        }
        guard::check(&edit::Edit::parse(edit)?)?;
        self.provider.needs_key(context)?;
        context.report(0.02, "asking");
        // As it came, not as oTo understood it.
        let body: Value = serde_json::from_str(edit).or(Err(nonsense()))?;
        let call = self.provider.post(context, "render", Sends::Work)?;
        let answer = call.json(&body).value().await?;
        let response = &answer["response"];
        if answer["success"].as_bool() == Some(false) {
            let said = answer["message"].as_str().unwrap_or_default();
            return Err(refusal(ErrorClass::InvalidRequest, "invalid_request", said));
        }
        let usual = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let id = text(&response["id"])
            .filter(|id| !id.is_empty() && id.chars().all(usual))
            .ok_or_else(nonsense)?;
        let title = title_from(&request.prompt);
        let handle = Handle {
            get: self.provider.url(&format!("render/{id}?data=false"))?.to_string(),
            title: if title.is_empty() { "Film".to_owned() } else { title },
            stage: self.provider.base.path().trim_end_matches('/').ends_with("/stage"),
            sent_ms: (context.now_ms)(),
        };
        Ok(Submitted::Accepted { handle: handle_of(&handle)? })
    }

    async fn look(&self, context: &Context, handle: &Handle) -> Result<Polled, EngineError> {
        let age_ms = (context.now_ms)() - handle.sent_ms;
        let url = self.provider.own(&handle.get)?;
        let call = self.provider.call(context, Method::GET, url, Sends::Nothing)?;
        let answer = match call.value().await {
            Err(error) if error.provider_status == Some(404) => {
                if age_ms < FRESH_MS {
                    return Ok(Polled::Pending(Pending::queued("waiting for its turn")));
                }
                return Err(if age_ms > RESULT_LIFE_MS { expired() } else { lost() });
            }
            other => other?,
        };
        let response = &answer["response"];
        let status = response["status"].as_str().ok_or_else(nonsense)?;
        match status {
            "done" => {
                let Some(link) = response["url"].as_str().filter(|link| !link.is_empty()) else {
                    return Err(if age_ms > RESULT_LIFE_MS { expired() } else { nonsense() });
                };
                self.take(context, handle, link).await.map(Polled::Finished)
            }
            "failed" => {
                let said = response["error"].as_str().unwrap_or_default();
                Err(refusal(ErrorClass::InvalidRequest, "failed", said))
            }
            "queued" => Ok(Polled::Pending(Pending::queued("waiting for its turn"))),
            "fetching" => Ok(Polled::Pending(Pending::running(None, "fetching the sources"))),
            "saving" => Ok(Polled::Pending(Pending::running(None, "saving"))),
            // Words that oTo does not know mean that it goes on.
            _ => Ok(Polled::Pending(Pending::running(None, "rendering"))),
        }
    }

    async fn take(
        &self,
        context: &Context,
        handle: &Handle,
        link: &str,
    ) -> Result<Outcome, EngineError> {
        let file = self.provider.fetch_file(context, link, MAX_FILM, "result.bin").await?;
        let main = output_in(context, file).await?;
        if main.duration_ms == 0 || main.size_px == [0, 0] {
            return Err(nonsense());
        }
        let how = if handle.stage { "trial render with watermark" } else { "hosted render" };
        let label = format!("{} · {how}", self.id);
        Ok(Outcome { label, ..outcome(&self.id, "", handle.title.clone(), main) })
    }
}

impl Engine for Shotstack {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Video],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: false,
            params: vec![Parameter { name: "edit", default: "", choices: &[] }],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            let answer = self.provider.get(context, "templates")?.value().await?;
            if !answer["response"].is_object() {
                return Err(nonsense());
            }
            Ok(Check::ready("Ready. Films are rendered from an edit whose files lie on the web."))
        }))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(self.render(context, request))
    }

    fn poll<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Polled, EngineError>> {
        Box::pin(async move { self.look(context, &handle_from(handle)?).await })
    }
}
