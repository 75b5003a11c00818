//! stable-diffusion.cpp: pictures and films of a model on one's own computer. Wire shapes follow
//! the native part of the server's published contract (`examples/server/api.md` in the repository
//! leejet/stable-diffusion.cpp).

mod body;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::{
    asks_something, brief, expired, fits, handle_from, handle_of, lost, makes_no, no_result,
    number, outcome, stopped, text,
};
use super::media::{from_base64, output_of};
use crate::http::{Auth, Provider, Sends, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Kind, Outcome, Parameter, Pending, Place, Polled, Request, Stopped, Submitted,
};

/// One server.
#[derive(Debug)]
pub struct SdCpp {
    id: String,
    model: String,
    provider: Provider,
}

#[derive(Serialize, Deserialize)]
struct Handle {
    get: String,
    cancel: String,
    title: String,
    kind: Kind,
}

impl SdCpp {
    /// A server at an address such as `http://127.0.0.1:1234`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let base = added.base_url.trim().trim_end_matches('/');
        // Addresses of the server's other interfaces are known better.
        let ends = ["/sdcpp/v1", "/v1"];
        let base = ends.iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base);
        let provider = Provider::new(base, Auth::Scheme("Bearer"))?;
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    async fn create(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        asks_something(request)?;
        let path = match request.kind {
            Kind::Image => "sdcpp/v1/img_gen",
            Kind::Video => "sdcpp/v1/vid_gen",
            other => return Err(makes_no(other)),
        };
        self.provider.needs_key(context)?;
        let body = Value::Object(body::of(request)?);
        context.report(0.02, "asking");
        let answer = self.provider.post(context, path, Sends::Work)?.json(&body).value().await?;
        let id = text(&answer["id"]).ok_or_else(nonsense)?;
        let usual = format!("sdcpp/v1/jobs/{id}");
        // A server behind another address may name one that is not ours.
        let given = answer["poll_url"].as_str().and_then(|link| self.provider.own(link).ok());
        let handle = Handle {
            get: given.map_or_else(|| self.provider.own(&usual), Ok)?.to_string(),
            cancel: self.provider.own(&format!("{usual}/cancel"))?.to_string(),
            title: title_from(&request.prompt),
            kind: request.kind,
        };
        Ok(Submitted::Accepted { handle: handle_of(&handle)? })
    }

    async fn job(&self, context: &Context, handle: &Handle) -> Result<Value, EngineError> {
        let url = self.provider.own(&handle.get)?;
        let call = self.provider.call(context, Method::GET, url, Sends::Nothing)?.with_media();
        match call.value().await {
            Err(error) if error.provider_status == Some(404) => Err(lost()),
            Err(error) if error.provider_status == Some(410) => Err(expired()),
            other => other,
        }
    }

    async fn look(&self, context: &Context, handle: &Handle) -> Result<Polled, EngineError> {
        let job = self.job(context, handle).await?;
        match job["status"].as_str().unwrap_or_default() {
            "completed" => self.take(context, handle, &job["result"]).await.map(Polled::Finished),
            "failed" => {
                let said = brief(&job["error"]["message"]);
                Err(refusal(ErrorClass::InvalidRequest, "failed", &said))
            }
            "cancelled" | "canceled" => Err(stopped()),
            "queued" => {
                Ok(Polled::Pending(Pending::queued(match number(&job["queue_position"]) {
                    Some(place) if place >= 1.0 => format!("number {place:.0} in the queue"),
                    _ => "waiting for its turn".to_owned(),
                })))
            }
            // The server does not say how far it is.
            _ => Ok(Polled::Pending(Pending::running(None, "making"))),
        }
    }

    async fn take(
        &self,
        context: &Context,
        handle: &Handle,
        result: &Value,
    ) -> Result<Outcome, EngineError> {
        let none = || no_result(handle.kind);
        let data = match handle.kind {
            Kind::Video => &result["b64_json"],
            _ => {
                let images = result["images"].as_array().ok_or_else(none)?;
                let index = |i: &&Value| number(&i["index"]).unwrap_or_default() as i64;
                &images.iter().min_by_key(index).ok_or_else(none)?["b64_json"]
            }
        };
        let main = output_of(context, from_base64(data.as_str().ok_or_else(none)?)?).await?;
        if !fits(handle.kind, &main) {
            return Err(none());
        }
        Ok(outcome(&self.id, &self.model, handle.title.clone(), main))
    }
}

impl Engine for SdCpp {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        let any = |name| Parameter { name, default: "", choices: &[] };
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Image, Kind::Video],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: local,
            params: vec![
                any("negative_prompt"),
                any("size"),
                any("steps"),
                any("cfg_scale"),
                any("lora"),
                Parameter {
                    name: "sources_are",
                    default: "start",
                    choices: &["start", "references"],
                },
                Parameter { name: "seconds", default: "2", choices: &[] },
                Parameter { name: "fps", default: "16", choices: &[] },
            ],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            let other = || {
                EngineError::new(
                    ErrorClass::BadResponse,
                    "other_server",
                    "Something else answers at this address; LM Studio uses the same port. Start sd-server, or give one of them another port.",
                )
            };
            let answer = self.provider.get(context, "sdcpp/v1/capabilities")?.value().await;
            let answer = answer.map_err(|error| match error.provider_status {
                Some(404) => other(),
                _ => error,
            })?;
            let modes = answer["supported_modes"].as_array().ok_or_else(other)?;
            let makes = |mode: &str| modes.iter().any(|m| m.as_str() == Some(mode));
            let what = match (makes("img_gen"), makes("vid_gen")) {
                (true, true) => "images and films",
                (true, false) => "images",
                (false, true) => "films",
                (false, false) => {
                    let sentence = "The server has no model that makes images or films. Start it with one.";
                    return Ok(Check { state: CheckState::NoModel, ..Check::ready(sentence) });
                }
            };
            let named = [&answer["model"]["stem"], &answer["model"]["name"]];
            let models = named.into_iter().map(brief).find(|n| !n.is_empty()).into_iter().collect();
            let sentence = format!("Ready; its model makes {what}.");
            Ok(Check { state: CheckState::Ready, sentence, models })
        }))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(self.create(context, request))
    }

    fn poll<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Polled, EngineError>> {
        Box::pin(async move { self.look(context, &handle_from(handle)?).await })
    }

    fn cancel<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Stopped, EngineError>> {
        Box::pin(async move {
            let handle: Handle = handle_from(handle)?;
            let url = self.provider.own(&handle.cancel)?;
            let call = self.provider.call(context, Method::POST, url, Sends::Nothing)?;
            let (job, refused) = match call.value().await {
                Ok(job) => (job, false),
                Err(error) => match error.provider_status {
                    Some(404 | 410) => return Ok(Stopped::AlreadyFinished),
                    // It is being made, or it has ended: the job tells which.
                    Some(409) => (self.job(context, &handle).await.unwrap_or_default(), true),
                    _ => return Err(error),
                },
            };
            Ok(match job["status"].as_str().unwrap_or_default() {
                "cancelled" | "canceled" => Stopped::Done,
                "completed" | "failed" => Stopped::AlreadyFinished,
                _ if refused => Stopped::NotSupported,
                _ => Stopped::Requested,
            })
        })
    }
}
