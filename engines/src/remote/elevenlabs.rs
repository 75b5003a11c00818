//! ElevenLabs: speech, with the time of every letter. Wire shapes follow the published description
//! of the interface (elevenlabs.io/docs/api-reference; `elevenlabs-docs`,
//! fern/apis/api/openapi.json) and its page about error messages.

mod parts;
mod speech;
mod times;
mod voices;

use serde_json::Value;

use crate::http::{Auth, Provider, nonsense};
use crate::{
    Added, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Kind, Parameter, Place, Request, Submitted,
};

use super::common::{asks_something, makes_no, number};

/// One account.
#[derive(Debug)]
pub struct ElevenLabs {
    id: String,
    model: String,
    provider: Provider,
}

impl ElevenLabs {
    /// An account; the model is one of theirs, such as `eleven_multilingual_v2`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Header("xi-api-key"))?;
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    async fn account(&self, context: &Context) -> Result<Check, EngineError> {
        let call = self.provider.get(context, "v1/user/subscription")?.reading(reading);
        let account = match call.value().await {
            // A key may be allowed to speak and not to read the account.
            Err(error) if error.code == "missing_permissions" => {
                return Ok(Check::ready(
                    "The key is known; it may not read how many characters are left.",
                ));
            }
            other => other?,
        };
        let used = number(&account["character_count"]).ok_or_else(nonsense)?;
        let most = number(&account["character_limit"]).ok_or_else(nonsense)?;
        let (left, most) = ((most - used).max(0.0) as u64, most.max(0.0) as u64);
        // Accounts that pay by use go on beyond their limit.
        if left == 0 && account["can_extend_character_limit"].as_bool() != Some(true) {
            return Ok(Check {
                state: CheckState::OutOfCredit,
                sentence: format!(
                    "All {most} characters of this period are used. Add some at elevenlabs.io, or choose another engine."
                ),
                models: Vec::new(),
            });
        }
        Ok(Check::ready(format!("Ready, with {left} of {most} characters left.")))
    }
}

/// Words of the provider that say more than the status, which is often 400 or 401.
fn reading(_: u16, body: &Value) -> Option<(ErrorClass, &'static str)> {
    let detail = &body["detail"];
    let mut words = [&detail["status"], &detail["code"]].into_iter().filter_map(Value::as_str);
    words.find_map(|word| match word {
        "quota_exceeded" => Some((ErrorClass::NoCredit, "no_credit")),
        "voice_not_found" => Some((ErrorClass::InvalidRequest, "voice_not_found")),
        "max_character_limit_exceeded" | "text_too_long" => {
            Some((ErrorClass::InvalidRequest, "too_much"))
        }
        "too_many_concurrent_requests" | "concurrent_limit_exceeded" | "system_busy" => {
            Some((ErrorClass::RateLimited, "rate_limited"))
        }
        "missing_permissions" => Some((ErrorClass::Auth, "missing_permissions")),
        "output_format_not_allowed" => {
            Some((ErrorClass::InvalidRequest, speech::FORMAT_NOT_ALLOWED))
        }
        "content_against_policy" => Some((ErrorClass::ContentRefused, "content_refused")),
        _ => None,
    })
}

impl Engine for ElevenLabs {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        let plain = |name| Parameter { name, default: "", choices: &[] };
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Voice],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: false,
            params: ["voice", "stability", "similarity_boost", "style", "speed"].map(plain).into(),
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, self.account(context)))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            asks_something(request)?;
            if request.kind != Kind::Voice {
                return Err(makes_no(request.kind));
            }
            self.provider.needs_key(context)?;
            // Stopping closes the connection.
            tokio::select! {
                outcome = self.speak(context, request) => outcome.map(Submitted::Finished),
                () = context.cancel.cancelled() => {
                    Err(EngineError::canceled())
                }
            }
        })
    }
}
