//! Changes of all jobs in one stream, so that who follows a hundred jobs needs one connection. Hints
//! only: what a job is now is asked with `GET /jobs/{id}`, which stays the truth.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use oto_api_types::{JobEvent, Problem};
use sea_orm::DbErr;
use tokio::sync::broadcast;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::auth::Me;
use crate::error::Refusal;
use crate::jobs::queue;
use crate::jobs::row::JobRow;
use crate::jobs::stages::shown;
use crate::state::AppState;
use crate::streams::Open;

/// Progress ticks often; changes of so long go together.
const GATHER: Duration = Duration::from_millis(50);
/// Silence after which a comment is sent.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Beside other servers: how often jobs that are followed are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// One event of a stream, by its fields (WHATWG HTML, 9.2).
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes what axum writes field by field")]
pub(crate) struct StreamEvent {
    /// Where a stream that is opened again goes on.
    id: Option<String>,
    /// What kind it is.
    event: Option<String>,
    /// JSON or a word.
    data: String,
}

/// First the present versions of all jobs of the caller that have not ended, then `job` with
/// `{job, version}` at each change, or `all` when any job may have changed. A stream that is opened
/// again with `Last-Event-ID` gets the same beginning: versions need no memory of what was sent.
#[utoipa::path(get, path = "/events", tag = "jobs", security(("bearer" = [])),
    responses((status = 200, content_type = "text/event-stream", body = StreamEvent), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn stream(
    State(state): State<AppState>,
    me: Me,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    me.may("jobs:read")?;
    let streams = state.server.as_ref().map_or(&state.streams, |server| &server.streams);
    let open = streams.open(&me.account)?;
    // Before the beginning is read, so that nothing falls between.
    let told = state.told();
    let mut listener = Listener {
        state,
        owner: me.account,
        told,
        sent: HashMap::new(),
        ready: VecDeque::new(),
        _open: open,
    };
    for row in queue::under_way(&listener.state.db, &listener.owner).await? {
        listener.look_at(&row).await?;
    }
    let events = futures_util::stream::unfold(listener, |mut listener| async move {
        listener.next().await.map(|event| (Ok(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// One stream.
struct Listener {
    state: AppState,
    /// Whose jobs are told; empty on the desk.
    owner: String,
    told: Receiver<Option<Arc<str>>>,
    /// Versions that were sent of jobs that have not ended.
    sent: HashMap<String, u64>,
    ready: VecDeque<Event>,
    _open: Open,
}

impl Listener {
    /// None when the home stops, or its database does not answer: the other side asks then.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let look = async {
                match self.state.server {
                    Some(_) => tokio::time::sleep(LOOK).await,
                    None => std::future::pending().await,
                }
            };
            let first = tokio::select! {
                first = self.told.recv() => Some(first),
                () = look => None,
                () = self.state.stop.cancelled() => return None,
            };
            let Some(first) = first else {
                self.look_around().await.ok()?;
                continue;
            };
            tokio::time::sleep(GATHER).await;
            match self.gathered(first) {
                Some(ids) => self.look(ids).await.ok()?,
                None => {
                    let id = self.state.next_event().to_string();
                    self.ready.push_back(Event::default().id(id).event("all").data("{}"));
                }
            }
        }
    }

    /// The jobs that changed; none when it may be any.
    fn gathered(
        &mut self,
        first: Result<Option<Arc<str>>, broadcast::error::RecvError>,
    ) -> Option<BTreeSet<Arc<str>>> {
        let mut ids = BTreeSet::new();
        let mut is_any = match first {
            Ok(Some(id)) => !ids.insert(id),
            Ok(None) | Err(RecvError::Lagged(_) | RecvError::Closed) => true,
        };
        loop {
            match self.told.try_recv() {
                Ok(Some(id)) => {
                    ids.insert(id);
                }
                Ok(None) | Err(TryRecvError::Lagged(_)) => is_any = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        (!is_any).then_some(ids)
    }

    /// What another server may have changed or taken.
    async fn look_around(&mut self) -> Result<(), DbErr> {
        let ids: BTreeSet<Arc<str>> = self.sent.keys().map(|id| Arc::from(id.as_str())).collect();
        self.look(ids).await?;
        for row in queue::under_way(&self.state.db, &self.owner).await? {
            self.look_at(&row).await?;
        }
        Ok(())
    }

    async fn look(&mut self, ids: BTreeSet<Arc<str>>) -> Result<(), DbErr> {
        let mut wholes = BTreeSet::new();
        for id in &ids {
            if let Some(row) = queue::find(&self.state.db, id).await? {
                self.look_at(&row).await?;
                wholes.extend(row.parent_id);
            }
        }
        // A whole changes with its stages.
        for id in wholes {
            if let Some(row) = queue::find(&self.state.db, &id).await? {
                self.look_at(&row).await?;
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, row: &JobRow) -> Result<(), DbErr> {
        if row.owner != self.owner {
            return Ok(());
        }
        let job = shown(&self.state, row).await?;
        let before = if job.status.is_final() {
            self.sent.remove(&job.id)
        } else {
            self.sent.insert(job.id.clone(), job.version)
        };
        if before == Some(job.version) {
            return Ok(());
        }
        let told = JobEvent { job: job.id, version: job.version };
        let data = serde_json::to_string(&told).map_err(|e| DbErr::Custom(e.to_string()))?;
        let id = self.state.next_event().to_string();
        self.ready.push_back(Event::default().id(id).event("job").data(data));
        Ok(())
    }
}
