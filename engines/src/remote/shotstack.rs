//! Shotstack: a film is cut in the cloud from an edit in JSON, or from a timeline of oTo whose files
//! are brought there first. Wire shapes follow its published description
//! (github.com/shotstack/oas-api-definition: schemas, definitions/edit.yaml).

pub mod edit;
mod export;
pub mod fit;
pub mod flat;
mod guard;
mod import;
mod ingest;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::{expired, handle_from, handle_of, lost, makes_no, outcome, text};
use super::media::output_in;
use crate::http::{Auth, MAX_FILM, Provider, Sends, invalid, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, Context, Description, Engine, EngineError, ErrorClass, Kind, Outcome,
    Parameter, Pending, Place, Polled, Request, Stopped, Submitted,
};
use ingest::{Step, Upload};

pub use export::{Sources, export};
pub(crate) use guard::is_public;
pub use import::{Imported, import};

/// A server may not know an id at once.
const FRESH_MS: i64 = 60_000;
/// Films are deleted after a day.
const RESULT_LIFE_MS: i64 = 86_400_000;
/// Between two calls about files: 120 a minute are allowed in trials
/// (shotstack.io/docs/guide/architecting-an-application/limitations.md).
const FILES_PACE_MS: u64 = 600;
/// How long taking files away may hold up the end of a job.
const TIDY: Duration = Duration::from_secs(20);

/// One account.
#[derive(Debug)]
pub struct Shotstack {
    id: String,
    provider: Provider,
    /// Orders of this process that are written down and not sent: what is not here was sent, or may
    /// have been sent before a crash.
    orders: Mutex<BTreeSet<String>>,
}

/// A film that is being rendered.
#[derive(Serialize, Deserialize)]
struct Handle {
    get: String,
    title: String,
    stage: bool,
    sent_ms: i64,
    /// Files that were brought there for this film alone, to be taken away after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

/// What is kept on the job.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Rendering(Handle),
    Uploading(Box<Upload>),
}

/// An id that is safe as a part of an address.
fn id_of(value: &Value) -> Option<String> {
    let usual = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text(value).filter(|id| !id.is_empty() && id.len() <= 200 && id.chars().all(usual))
}

impl Shotstack {
    /// An account; the address ends in `/stage` for trials with a watermark, or in `/v1`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Header("x-api-key"))?;
        Ok(Self { id: added.name.clone(), provider, orders: Mutex::default() })
    }

    async fn render(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        if request.kind != Kind::Video {
            return Err(makes_no(request.kind));
        }
        let edit = request.param("edit", "");
        if edit.is_empty() && !request.param("timeline", "").is_empty() {
            let upload = Upload::of(&self.provider, request)?;
            self.provider.needs_key(context)?;
            // Nothing is sent here: each step of what follows is kept, and goes on after a crash.
            return Ok(Submitted::Accepted { handle: handle_of(&upload)? });
        }
        if edit.is_empty() {
            return Err(invalid(
                "There is no edit and no timeline to render. Put the timeline of a film into the parameter “timeline”, or an edit for Shotstack as JSON into “edit”.",
            ));
        }
        guard::check(&edit::Edit::parse(edit)?)?;
        self.provider.needs_key(context)?;
        context.report(0.02, "asking");
        // As it came, not as oTo understood it.
        let body: Value = serde_json::from_str(edit).or(Err(nonsense()))?;
        let title = title_from(&request.prompt);
        let title = if title.is_empty() { "Film".to_owned() } else { title };
        let url = self.provider.url("render")?;
        let handle = self.order(context, url, &body, title, Vec::new()).await?;
        Ok(Submitted::Accepted { handle: handle_of(&handle)? })
    }

    /// The one call that is paid.
    async fn order(
        &self,
        context: &Context,
        url: Url,
        body: &Value,
        title: String,
        files: Vec<String>,
    ) -> Result<Handle, EngineError> {
        let stage = url.path().trim_end_matches("/render").ends_with("/stage");
        let get = url.to_string();
        let call = self.provider.call(context, Method::POST, url, Sends::Work)?;
        let answer = call.json(body).value().await?;
        if answer["success"].as_bool() == Some(false) {
            let said = answer["message"].as_str().unwrap_or_default();
            return Err(refusal(ErrorClass::InvalidRequest, "invalid_request", said));
        }
        let id = id_of(&answer["response"]["id"]).ok_or_else(nonsense)?;
        let get = format!("{get}/{id}?data=false");
        Ok(Handle { get, title, stage, sent_ms: (context.now_ms)(), files })
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A timeline one step further. The order is paid and Shotstack takes no name for it from us
    /// and cannot be asked for it, so that it goes through two handles: the first says that the
    /// order may be sent, and is on disk before that; the second has its id. Who finds the first
    /// without having written it in this process does not know whether it was sent, and stops.
    async fn bring(&self, context: &Context, upload: Upload) -> Result<Polled, EngineError> {
        let files = upload.left_there();
        let brought = self.bring_on(context, upload).await;
        let ended = |error: &EngineError| {
            matches!(error.class, ErrorClass::InvalidRequest | ErrorClass::NoCredit)
        };
        if brought.as_ref().is_err_and(ended) {
            self.tidy(context, &files).await;
        }
        brought
    }

    async fn bring_on(&self, context: &Context, mut upload: Upload) -> Result<Polled, EngineError> {
        let (progress, words, kept) = if upload.order.is_empty() {
            match upload.step(&self.provider, context).await? {
                Step::Goes(progress, words) => (progress, words, Kept::Uploading(upload.into())),
                Step::Ready => {
                    guard::check(&upload.edit()?)?;
                    let (process, now_ms) = (std::process::id(), (context.now_ms)());
                    upload.order = format!("{}/{process}/{now_ms}", upload.submission);
                    self.orders().insert(upload.order.clone());
                    (0.9, "asking".to_owned(), Kept::Uploading(upload.into()))
                }
            }
        } else {
            let handle = self.order_once(context, &upload).await?;
            (0.9, "waiting for its turn".to_owned(), Kept::Rendering(handle))
        };
        Ok(Polled::Pending(Pending {
            handle: Some(handle_of(&kept)?),
            wait_ms: FILES_PACE_MS,
            ..Pending::running(Some(progress), words)
        }))
    }

    async fn order_once(&self, context: &Context, upload: &Upload) -> Result<Handle, EngineError> {
        let body = serde_json::to_value(upload.edit()?).or(Err(nonsense()))?;
        let url = self.provider.own(&upload.render)?;
        if !self.orders().remove(&upload.order) {
            return Err(EngineError::new(
                ErrorClass::UnknownOutcome,
                "submission_unknown",
                "oTo was interrupted while it ordered this film, so Shotstack may be making it already. Look at its dashboard; trying again may be paid twice.",
            ));
        }
        let files = upload.left_there();
        let ordered = self.order(context, url, &body, upload.title.clone(), files).await;
        if ordered.as_ref().is_err_and(|error| error.class.may_retry()) {
            // It was not taken: the same order may be sent again.
            self.orders().insert(upload.order.clone());
        }
        ordered
    }

    /// Takes away what was brought there for one film. Nothing depends on it: a file that stays does
    /// no harm and waits in the dashboard.
    async fn tidy(&self, context: &Context, files: &[String]) {
        let all = async {
            for file in files {
                let Ok(url) = self.provider.own(file) else { continue };
                let call = self.provider.call(context, Method::DELETE, url, Sends::Nothing);
                if let Ok(call) = call {
                    call.response().await.ok();
                }
            }
        };
        tokio::time::timeout(TIDY, all).await.ok();
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
                let outcome = self.take(context, handle, link).await?;
                self.tidy(context, &handle.files).await;
                Ok(Polled::Finished(outcome))
            }
            "failed" => {
                self.tidy(context, &handle.files).await;
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
            params: ["edit", "timeline"]
                .map(|name| Parameter { name, default: "", choices: &[] })
                .to_vec(),
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            let answer = self.provider.get(context, "templates")?.value().await?;
            if !answer["response"].is_object() {
                return Err(nonsense());
            }
            Ok(Check::ready("Ready. Films are rendered from an edit whose files lie on the web, or from a timeline of oTo."))
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
        Box::pin(async move {
            match handle_from(handle)? {
                Kept::Rendering(handle) => self.look(context, &handle).await,
                Kept::Uploading(upload) => self.bring(context, *upload).await,
            }
        })
    }

    /// Before the order it costs nothing to stop; a render cannot be stopped.
    fn cancel<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Stopped, EngineError>> {
        Box::pin(async move {
            let Kept::Uploading(upload) = handle_from(handle)? else {
                return Ok(Stopped::NotSupported);
            };
            if !upload.order.is_empty() && !self.orders().remove(&upload.order) {
                return Ok(Stopped::NotSupported);
            }
            self.tidy(context, &upload.left_there()).await;
            Ok(Stopped::Done)
        })
    }
}
