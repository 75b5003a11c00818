//! A handle for programs without an async runtime: orders go in, events come out. The work is done
//! on the thread `oto-client`.

use std::collections::HashSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use oto_api_types::{
    Adapter, Budget, CheckResult, Engine, EngineConfig, Found, Job, JobEstimate, NewJob, Usage,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::follow::{Stream, backoff, fetch, follow, listen};
use crate::{ClientError, Home};

/// A file a job needs at its home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// BLAKE3 of the bytes.
    pub hash: String,
    /// Where they lie.
    pub path: PathBuf,
}

/// Everything that can come back.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A job changed.
    Job(Box<Job>),
    /// A job succeeded and its files lie in the folder, each under its hash.
    Finished {
        /// The job.
        job: Box<Job>,
        /// The folder.
        folder: PathBuf,
    },
    /// A job was stopped before it was sent.
    NeverSent {
        /// Its id.
        id: String,
    },
    /// The home refused a job, or does not know it.
    JobLost {
        /// Its id.
        id: String,
        /// Why.
        error: ClientError,
    },
    /// The home was told that the results of a job are here.
    Released {
        /// Its id.
        id: String,
    },
    /// The engines of the home.
    Engines(Result<Vec<Engine>, ClientError>),
    /// What was made and what it cost.
    Usage(Result<Usage, ClientError>),
    /// The kinds of engines that can be added.
    Adapters(Vec<Adapter>),
    /// Servers found on this machine.
    Found(Vec<Found>),
    /// An engine was checked.
    Checked {
        /// Which.
        id: String,
        /// What it said.
        result: Result<CheckResult, ClientError>,
    },
    /// An engine was checked with a key that is to be tried.
    Tried {
        /// Which.
        id: String,
        /// What it said.
        result: Result<CheckResult, ClientError>,
    },
    /// What a job would cost.
    Estimated {
        /// The number it was asked with.
        about: u64,
        /// None when nobody knows, or the home refuses such a job.
        estimate: Option<JobEstimate>,
    },
    /// An engine was added or removed.
    EngineChanged {
        /// Which.
        id: String,
        /// What the home said.
        result: Result<(), ClientError>,
    },
}

enum Order {
    Make { id: String, job: Box<NewJob>, uploads: Vec<Upload>, folder: PathBuf },
    Follow { id: String, folder: PathBuf },
    Cancel(String),
    Release(String),
    Engines,
    Adapters,
    Usage(u32),
    SetBudget(Budget, u32),
    Discover,
    Check(String),
    Try(String),
    Estimate(u64, Box<NewJob>),
    AddEngine(String, EngineConfig),
    RemoveEngine(String),
}

/// Talks to one home.
#[derive(Debug)]
pub struct Client {
    orders: Option<UnboundedSender<Order>>,
    events: Mutex<Receiver<Event>>,
    thread: Option<JoinHandle<()>>,
}

type Tell = Arc<dyn Fn(Event) + Send + Sync>;

impl Client {
    /// Starts the thread. `wake` is called after every event, so that a sleeping program looks.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(home: Home, wake: Arc<dyn Fn() + Send + Sync>) -> std::io::Result<Self> {
        let (orders, inbox) = unbounded_channel();
        let (send, events): (Sender<Event>, Receiver<Event>) = channel();
        let tell: Tell = Arc::new(move |event| {
            // A closed channel means that the program is ending.
            if send.send(event).is_ok() {
                wake();
            }
        });
        let thread =
            std::thread::Builder::new().name("oto-client".to_owned()).spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Ok(runtime) = runtime {
                    runtime.block_on(serve(home, inbox, tell));
                }
            })?;
        Ok(Self { orders: Some(orders), events: Mutex::new(events), thread: Some(thread) })
    }

    fn order(&self, order: Order) {
        // The thread lives as long as the handle.
        if let Some(orders) = &self.orders {
            orders.send(order).ok();
        }
    }

    /// Uploads what a job needs, submits it under its id, follows it, fetches what it made.
    pub fn make(&self, id: String, job: NewJob, uploads: Vec<Upload>, folder: PathBuf) {
        self.order(Order::Make { id, job: Box::new(job), uploads, folder });
    }

    /// Follows a job that was submitted before.
    pub fn follow(&self, id: String, folder: PathBuf) {
        self.order(Order::Follow { id, folder });
    }

    /// Asks a job to stop.
    pub fn cancel(&self, id: String) {
        self.order(Order::Cancel(id));
    }

    /// Tells the home that the results of a job are on disk here.
    pub fn release(&self, id: String) {
        self.order(Order::Release(id));
    }

    /// Asks for the engines.
    pub fn engines(&self) {
        self.order(Order::Engines);
    }

    /// Asks what was made in the last days and what it cost.
    pub fn usage(&self, days: u32) {
        self.order(Order::Usage(days));
    }

    /// Sets the limits, and asks for the usage of the last days.
    pub fn set_budget(&self, budget: Budget, days: u32) {
        self.order(Order::SetBudget(budget, days));
    }

    /// Asks for the kinds of engines that can be added.
    pub fn adapters(&self) {
        self.order(Order::Adapters);
    }

    /// Asks for servers on this machine.
    pub fn discover(&self) {
        self.order(Order::Discover);
    }

    /// Checks an engine.
    pub fn check(&self, id: String) {
        self.order(Order::Check(id));
    }

    /// Checks an engine with the key that is to be tried.
    pub fn try_key(&self, id: String) {
        self.order(Order::Try(id));
    }

    /// Asks what a job would cost. The answer bears the same number.
    pub fn estimate(&self, about: u64, job: NewJob) {
        self.order(Order::Estimate(about, Box::new(job)));
    }

    /// Adds an engine.
    pub fn add_engine(&self, id: String, config: EngineConfig) {
        self.order(Order::AddEngine(id, config));
    }

    /// Removes an engine.
    pub fn remove_engine(&self, id: String) {
        self.order(Order::RemoveEngine(id));
    }

    /// The next event, if there is one.
    pub fn try_event(&self) -> Option<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }

    /// Waits for the next event. For the command line.
    pub fn wait_event(&self, patience: Duration) -> Option<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience).ok()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been told already.
            thread.join().ok();
        }
    }
}

/// Ids whose stop was asked for.
type Stopped = Arc<Mutex<HashSet<String>>>;

async fn serve(home: Home, mut inbox: UnboundedReceiver<Order>, tell: Tell) {
    let stopped = Stopped::default();
    let stream = Stream::new();
    tokio::spawn(listen(home.clone(), stream.clone()));
    while let Some(order) = inbox.recv().await {
        let (home, tell, stopped) = (home.clone(), Arc::clone(&tell), Arc::clone(&stopped));
        let stream = stream.clone();
        // Dropped with the runtime: jobs go on at their home and are followed again next time.
        tokio::spawn(async move { carry_out(&home, &stream, order, &tell, &stopped).await });
    }
}

fn is_stopped(stopped: &Stopped, id: &str) -> bool {
    stopped.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
}

async fn carry_out(home: &Home, stream: &Stream, order: Order, tell: &Tell, stopped: &Stopped) {
    match order {
        Order::Make { id, job, uploads, folder } => {
            let outcome = async {
                for upload in &uploads {
                    patiently(|| home.upload(upload)).await?;
                }
                if is_stopped(stopped, &id) {
                    return Ok(false);
                }
                patiently(|| home.submit(&id, &job)).await.map(|_| true)
            };
            match outcome.await {
                Ok(true) => {
                    if is_stopped(stopped, &id) {
                        // The stop came while it was being sent.
                        home.cancel(&id).await.ok();
                    }
                    follow_and_fetch(home, stream, id, folder, tell).await;
                }
                Ok(false) => tell(Event::NeverSent { id }),
                Err(error) => tell(Event::JobLost { id, error }),
            }
        }
        Order::Follow { id, folder } => follow_and_fetch(home, stream, id, folder, tell).await,
        Order::Cancel(id) => {
            stopped.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
            // A job that is not there yet is stopped before it is sent.
            if let Ok(job) = home.cancel(&id).await {
                tell(Event::Job(Box::new(job)));
            }
        }
        Order::Release(id) => {
            // What is not released stays at the home; nothing is lost by it.
            home.release(&id).await.ok();
            tell(Event::Released { id });
        }
        Order::Engines => tell(Event::Engines(home.engines().await)),
        Order::Usage(days) => tell(Event::Usage(home.usage(days).await)),
        Order::SetBudget(budget, days) => {
            let usage = match home.set_budget(&budget).await {
                Ok(()) => home.usage(days).await,
                Err(error) => Err(error),
            };
            tell(Event::Usage(usage));
        }
        Order::Adapters => tell(Event::Adapters(home.adapters().await.unwrap_or_default())),
        Order::Discover => tell(Event::Found(home.discover().await.unwrap_or_default())),
        Order::Check(id) => {
            let result = home.check_engine(&id).await;
            tell(Event::Checked { id, result });
        }
        Order::Try(id) => {
            let result = home.try_engine(&id).await;
            tell(Event::Tried { id, result });
        }
        Order::Estimate(about, job) => {
            let estimate = home.estimate(&job).await.ok();
            tell(Event::Estimated { about, estimate });
        }
        Order::AddEngine(id, config) => {
            let result = home.add_engine(&id, &config).await;
            tell(Event::EngineChanged { id, result });
            tell(Event::Engines(home.engines().await));
        }
        Order::RemoveEngine(id) => {
            let result = home.remove_engine(&id).await;
            tell(Event::EngineChanged { id, result });
            tell(Event::Engines(home.engines().await));
        }
    }
}

/// Tries again while that may help, with growing pauses, for about a minute. For calls that may
/// arrive twice: reads, uploads by content, and submissions, whose id is the idempotency key.
async fn patiently<T, F: Future<Output = Result<T, ClientError>>>(
    mut call: impl FnMut() -> F,
) -> Result<T, ClientError> {
    let mut attempt = 0;
    loop {
        match call().await {
            Err(error) if error.may_pass() && attempt < 18 => {
                tokio::time::sleep(backoff(attempt)).await;
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn follow_and_fetch(home: &Home, stream: &Stream, id: String, folder: PathBuf, tell: &Tell) {
    // Two jobs may have made the same bytes: each has its own folder.
    let folder = folder.join(&id);
    let followed = follow(home, stream, &id, |job| tell(Event::Job(Box::new(job.clone())))).await;
    let outcome = match followed {
        Ok(job) => {
            let _turn = stream.download().await;
            patiently(|| fetch(home, &job, &folder)).await.map(|()| job)
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(job) if job.status == oto_api_types::JobStatus::Succeeded => {
            tell(Event::Finished { job: Box::new(job), folder });
        }
        // Every other end was told as a change.
        Ok(_) => {}
        Err(error) => tell(Event::JobLost { id, error }),
    }
}
