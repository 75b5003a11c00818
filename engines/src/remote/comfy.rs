//! ComfyUI: runs workflows, the user's own or a small one that is built in. Wire shapes follow
//! ComfyUI's public source: server.py, execution.py and protocol.py (Comfy-Org/ComfyUI).

mod live;
mod name;
mod prepare;
mod results;
mod watch;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{asks_something, handle_from, handle_of, lost, makes_no, outcome, text};
use super::media::output_in;
use super::workflow::{self, Filling, words_of};
use crate::http::{Auth, Provider, Sends, nonsense};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, Kind, Lookup,
    Outcome, Parameter, Pending, Place, Polled, Request, Stopped, Submitted,
};
use prepare::is_picture;
use watch::Stage;

/// So often a prompt may be neither in the queue nor in the history: between the two it is in
/// neither for a moment.
const MOST_MISSES: u32 = 3;

/// One server.
#[derive(Debug)]
pub struct Comfy {
    id: String,
    model: String,
    provider: Provider,
}

/// What the server keeps with a prompt for us, so that it can be taken up again after a crash.
#[derive(Default, Serialize, Deserialize)]
struct Note {
    kind: Option<Kind>,
    title: String,
    model: String,
    parts: u32,
}

#[derive(Serialize, Deserialize)]
struct Handle {
    id: String,
    client: String,
    /// Looks in a row that did not find it.
    misses: u32,
    note: Note,
}

impl Comfy {
    /// A server at an address such as `http://127.0.0.1:8188`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Scheme("Bearer"))?;
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    async fn create(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        let filling = Filling::of(self.graph(context, request).await?, request)?;
        let mut sources = Vec::new();
        for picture in filling.sources(request).into_iter().filter(|i| is_picture(i)) {
            context.report(0.01, "sending the picture");
            sources.push((Kind::Image, json!(self.upload(context, picture).await?)));
        }
        let note = Note {
            kind: Some(request.kind),
            title: title_from(&words_of(request)),
            model: filling.graph().model().to_owned(),
            parts: filling.graph().samplers(),
        };
        let client = name::of_submission(&request.submission_id);
        context.report(0.02, "asking");
        let body = json!({
            "prompt": filling.finish(request, &sources)?,
            "prompt_id": client,
            "client_id": client,
            "extra_data": { "oto": note },
        });
        let call = self.provider.post(context, "prompt", Sends::Work)?.json(&body);
        let answer = call.value().await.map_err(refused)?;
        let id = text(&answer["prompt_id"]).ok_or_else(nonsense)?;
        Ok(Submitted::Accepted { handle: handle_of(&Handle { id, client, misses: 0, note })? })
    }

    async fn look(&self, context: &Context, mut handle: Handle) -> Result<Polled, EngineError> {
        let stage = self.stage(context, &handle.id).await?;
        let missed = std::mem::take(&mut handle.misses);
        let mut pending = match stage {
            Stage::History(entry) => {
                return match results::failure(&entry) {
                    Some(failure) => Err(failure),
                    None => self.take(context, handle.note, &entry).await.map(Polled::Finished),
                };
            }
            Stage::Waiting(0, _) => Pending::queued("waiting for its turn"),
            Stage::Waiting(before, _) => {
                Pending::queued(format!("waiting for its turn, {before} before it"))
            }
            Stage::Running(_) => self.listen(context, &handle).await,
            Stage::Nowhere if missed + 1 >= MOST_MISSES => return Err(lost()),
            Stage::Nowhere => {
                handle.misses = missed + 1;
                Pending::queued("looking for it")
            }
        };
        if handle.misses != missed {
            pending.handle = Some(handle_of(&handle)?);
        }
        Ok(Polled::Pending(pending))
    }

    async fn listen(&self, context: &Context, handle: &Handle) -> Pending {
        let parts = handle.note.parts.max(1);
        let about = live::About { id: &handle.id, client: &handle.client, parts };
        let Some(live) = live::listen(context, &self.provider.base, about).await else {
            return Pending::running(None, "making");
        };
        let words = if live.words.is_empty() { "making".to_owned() } else { live.words };
        // The next look listens on; what has ended is in the history in a moment.
        Pending { wait_ms: 250, ..Pending::running(live.progress, words) }
    }

    async fn take(
        &self,
        context: &Context,
        note: Note,
        entry: &Value,
    ) -> Result<Outcome, EngineError> {
        let made = results::choose(entry, note.kind);
        let made = made.ok_or_else(|| results::nothing_made(note.kind))?;
        let mut link = self.provider.url("view")?;
        link.query_pairs_mut()
            .append_pair("filename", &made.filename)
            .append_pair("subfolder", &made.subfolder)
            .append_pair("type", &made.folder);
        let file =
            self.provider.fetch_file(context, link.as_str(), made.cap(), "result.bin").await?;
        let main = output_in(context, file).await?;
        let (seen, lasts) = (main.size_px != [0, 0], main.duration_ms > 0);
        let fits = match made.kind {
            Kind::Video => seen && lasts,
            Kind::Voice => !seen && lasts,
            Kind::Image | Kind::Text => seen && !lasts,
        };
        if !fits {
            return Err(nonsense());
        }
        Ok(outcome(&self.id, &note.model, note.title, main))
    }

    /// The prompt of this name, wherever it is, with the note that was sent with it.
    async fn find(&self, context: &Context, client: String) -> Result<Lookup, EngineError> {
        let item = match self.stage(context, &client).await? {
            Stage::History(entry) => entry["prompt"].clone(),
            Stage::Waiting(_, item) | Stage::Running(item) => item,
            Stage::Nowhere => return Ok(Lookup::Absent),
        };
        let id = text(&item[1]).unwrap_or_else(|| client.clone());
        let note = serde_json::from_value(item[3]["oto"].clone()).unwrap_or_default();
        Ok(Lookup::Found(handle_of(&Handle { id, client, misses: 0, note })?))
    }
}

/// A workflow that is refused: its author can change it.
fn refused(error: EngineError) -> EngineError {
    if error.provider_status != Some(400) {
        return error;
    }
    let message = format!(
        "ComfyUI cannot run this workflow. Open it there, choose models and nodes that it has, and export it again. {}",
        error.message
    );
    EngineError { code: "bad_workflow", message, ..error }
}

impl Engine for Comfy {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        let parameter = |name| Parameter { name, default: "", choices: &[] };
        let mut params = vec![parameter("workflow"), parameter("negative")];
        params.extend(workflow::NUMBERS.iter().map(|(name, _)| parameter(name)));
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Image, Kind::Video, Kind::Voice],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: local,
            params,
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            let stats = self.provider.get(context, "system_stats")?.value().await?;
            let version = stats["system"]["comfyui_version"].as_str().ok_or_else(nonsense)?;
            // Without checkpoints it can still run workflows of the user.
            let models = self.checkpoints(context).await.unwrap_or_default();
            let version: String = version.chars().filter(|c| !c.is_control()).take(30).collect();
            let sentence = format!("Ready, ComfyUI {version} with {} checkpoints.", models.len());
            Ok(Check { state: CheckState::Ready, sentence, models })
        }))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            if request.kind == Kind::Text {
                return Err(makes_no(request.kind));
            }
            // A workflow of the user may have its own words.
            if request.param("workflow", "").is_empty() {
                asks_something(request)?;
            }
            self.provider.needs_key(context)?;
            self.create(context, request).await
        })
    }

    fn lookup<'a>(
        &'a self,
        context: &'a Context,
        submission_id: &'a str,
    ) -> BoxFuture<'a, Result<Lookup, EngineError>> {
        Box::pin(self.find(context, name::of_submission(submission_id)))
    }

    fn cancel<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Stopped, EngineError>> {
        Box::pin(async move { self.stop(context, &handle_from::<Handle>(handle)?.id).await })
    }

    fn poll<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Polled, EngineError>> {
        Box::pin(async move { self.look(context, handle_from(handle)?).await })
    }
}
