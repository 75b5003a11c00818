//! Stability AI: pictures. Wire shapes follow its public reference
//! (platform.stability.ai/docs/api-reference, “Stable Image” and “User”).

use oto_media::sniff::sniff;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::common::{asks_something, makes_no, number, outcome, typed};
use super::media::{bytes_of, output_of};
use crate::http::{Auth, MAX_IMAGE, Provider, Sends, invalid, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Input, Kind, Outcome, Parameter, Place, Request, Submitted,
};

/// Largest seed; zero means any.
const MOST_SEED: u64 = 4_294_967_294;
/// How much of a source is painted over when nothing is said.
const STRENGTH: &str = "0.6";
const SHAPES: &[&str] = &["1:1", "16:9", "21:9", "3:2", "2:3", "5:4", "4:5", "9:16", "9:21"];

/// One account.
#[derive(Debug)]
pub struct Stability {
    id: String,
    model: String,
    provider: Provider,
}

/// Where a model is asked, and its name in the form where there are several.
#[derive(Debug, PartialEq, Eq)]
struct Route<'a> {
    path: &'static str,
    name: Option<&'a str>,
}

fn route_of(model: &str) -> Result<Route<'_>, EngineError> {
    let short = model.strip_prefix("stable-image-").unwrap_or(model);
    let place = |path, name| Ok(Route { path, name });
    match short {
        "core" => place("core", None),
        "ultra" => place("ultra", None),
        "sd3" => place("sd3", None),
        other => match other.strip_prefix("sd3:").unwrap_or(other) {
            name if name.starts_with("sd3") => place("sd3", Some(name)),
            _ => Err(invalid(
                "Stability AI has the models core, ultra and sd3, also by name such as sd3.5-large. Name one of them on the agent.",
            )),
        },
    }
}

/// Refusals of the moderation have the status of a refused key.
fn reading(status: u16, body: &Value) -> Option<(ErrorClass, &'static str)> {
    let said = body.to_string().to_lowercase();
    let moderated = said.contains("moderat") || said.contains("flagged");
    (status == 403 && moderated).then_some((ErrorClass::ContentRefused, "content_refused"))
}

fn part_of(picture: &Input) -> Result<Part, EngineError> {
    let bytes = bytes_of(picture)?;
    let kind = sniff(&bytes).filter(|k| k.is_image()).ok_or_else(|| {
        invalid("A source is not a picture that can be sent. Choose another one.")
    })?;
    let part = Part::bytes(bytes).file_name(format!("image.{}", kind.extension()));
    part.mime_str(kind.mime()).or(Err(nonsense()))
}

impl Stability {
    /// An account; the model is `core`, `ultra`, `sd3` or the name of one such as `sd3.5-large`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Scheme("Bearer"))?;
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    /// The form, which is one even without a picture.
    fn form(&self, request: &Request, place: &Route<'_>) -> Result<Form, EngineError> {
        if request.prompt.trim().is_empty() {
            return Err(invalid("Write on the agent what to make of the picture."));
        }
        let seed = (request.seed % (MOST_SEED + 1)).max(1);
        let mut form = Form::new()
            .text("prompt", request.prompt.clone())
            .text("seed", seed.to_string())
            .text("output_format", "png");
        for name in ["negative_prompt", "style_preset"] {
            let text = request.param(name, "");
            if !text.is_empty() {
                form = form.text(name, text.to_owned());
            }
        }
        if let Some(name) = place.name {
            form = form.text("model", name.to_owned());
        }
        let source = request.inputs.iter().find(|i| i.kind == Kind::Image && i.file.is_some());
        let shape = request.param("aspect_ratio", "");
        if !shape.is_empty() && (source.is_none() || place.path != "sd3") {
            form = form.text("aspect_ratio", shape.to_owned());
        }
        let Some(source) = source else { return Ok(form) };
        if place.path == "core" {
            return Err(invalid(
                "The model core paints from words only. Name ultra or sd3 on the agent to work from a picture.",
            ));
        }
        let strength = request.param("strength", STRENGTH);
        let in_range = number(&typed(strength)).is_some_and(|v| (0.0..=1.0).contains(&v));
        if !in_range {
            return Err(invalid("“strength” is a number from 0 to 1. Change it on the agent."));
        }
        if place.path == "sd3" {
            form = form.text("mode", "image-to-image");
        }
        Ok(form.text("strength", strength.to_owned()).part("image", part_of(source)?))
    }

    async fn paint(&self, context: &Context, request: &Request) -> Result<Outcome, EngineError> {
        let named = [&request.model, &self.model].into_iter().find(|m| !m.is_empty());
        let model = named.map_or("core", String::as_str);
        let place = route_of(model)?;
        let form = self.form(request, &place)?;
        context.report(0.05, "asking");
        let path = format!("v2beta/stable-image/generate/{}", place.path);
        let call = self.provider.post(context, &path, Sends::Whole)?.reading(reading);
        let call = call.header("accept", "image/*").multipart(form);
        let (headers, bytes) = call.bytes(MAX_IMAGE).await?;
        // A picture that was made and then hidden comes as a success.
        let ending = headers.get("finish-reason").and_then(|v| v.to_str().ok());
        if ending.is_some_and(|e| e.eq_ignore_ascii_case("CONTENT_FILTERED")) {
            return Err(refusal(ErrorClass::ContentRefused, "content_refused", ""));
        }
        let main = output_of(context, bytes).await?;
        if main.size_px == [0, 0] || main.duration_ms != 0 {
            return Err(nonsense());
        }
        Ok(outcome(&self.id, model, title_from(&request.prompt), main))
    }
}

impl Engine for Stability {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        let plain = |name, default| Parameter { name, default, choices: &[] };
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Image],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: false,
            params: vec![
                Parameter { name: "aspect_ratio", default: "1:1", choices: SHAPES },
                plain("style_preset", ""),
                plain("negative_prompt", ""),
                plain("strength", STRENGTH),
            ],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            let account = self.provider.get(context, "v1/user/balance")?.value().await?;
            let credits = number(&account["credits"]).ok_or_else(nonsense)?;
            if credits > 0.0 {
                return Ok(Check::ready(format!("Ready, with {credits:.1} credits left.")));
            }
            Ok(Check {
                state: CheckState::OutOfCredit,
                sentence: "The account has no credits left. Add some at platform.stability.ai, or choose another engine.".to_owned(),
                models: Vec::new(),
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
            if request.kind != Kind::Image {
                return Err(makes_no(request.kind));
            }
            self.provider.needs_key(context)?;
            // Stopping closes the connection.
            tokio::select! {
                outcome = self.paint(context, request) => outcome.map(Submitted::Finished),
                () = context.cancel.cancelled() => {
                    Err(EngineError::canceled())
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found() {
        let place = |path, name| Route { path, name };
        for (model, wanted) in [
            ("core", place("core", None)),
            ("stable-image-ultra", place("ultra", None)),
            ("sd3", place("sd3", None)),
            ("sd3.5-medium", place("sd3", Some("sd3.5-medium"))),
            ("sd3:sd3.5-large", place("sd3", Some("sd3.5-large"))),
        ] {
            assert_eq!(route_of(model).unwrap(), wanted, "{model}");
        }
        assert!(route_of("../../v1/user").is_err());
    }
}
