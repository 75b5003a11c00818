//! A server with other people on it: signing in, publishing, the wall. Orders go in, answers come
//! out; the work is done on a thread of its own, and no answer is waited for in a frame.

mod calls;
mod session;
mod upload;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use oto_api_types::{
    Account, Comment, CommentPage, Counters, DeviceCode, NewWork, NotificationPage, Person,
    PersonPage, Tile, WallEvent, WallExtent, Wallet, Work, WorkPage,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{ClientError, Credentials};
use calls::Link;

pub use session::{checked_address, session_account};

/// Tiles that are asked for at once.
const TILES_AT_ONCE: usize = 6;

/// What is asked of a server.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Sign in with a code that is typed in a browser; told as [`Told::Code`], then [`Told::Account`].
    SignIn {
        /// What the person reads that asks.
        client: String,
    },
    /// Sign out here.
    SignOut,
    /// Whoever is signed in.
    Account,
    /// Their tokens.
    Wallet,
    /// How far the wall goes.
    Extent,
    /// Tiles of the wall: level, column, row.
    Tiles(Vec<(u8, i64, i64)>),
    /// Changes of the wall, from now on.
    Listen,
    /// A work.
    Work(String),
    /// Works by words, a page.
    FindWorks {
        /// As behind the question mark of `GET /works`.
        query: Vec<(&'static str, String)>,
    },
    /// People by words.
    FindPeople(String),
    /// What is said under a work.
    Comments(String),
    /// Say something under a work.
    Say {
        /// The work.
        work: String,
        /// The words.
        text: String,
    },
    /// Like a work, or no longer.
    Like {
        /// The work.
        work: String,
        /// Whether.
        wanted: bool,
    },
    /// Vote for a work.
    Vote {
        /// The work.
        work: String,
        /// -1, 0 or 1.
        value: i64,
    },
    /// Somebody, by handle or id.
    Person(String),
    /// Follow somebody, or no longer.
    Follow {
        /// Their id.
        person: String,
        /// Whether.
        wanted: bool,
    },
    /// Publish a work, with its media.
    Publish {
        /// The work.
        work: Box<NewWork>,
        /// Where its media lie.
        media: Option<PathBuf>,
    },
    /// Take a work of one's own away.
    Remove(String),
    /// Report a work.
    Report {
        /// The work.
        work: String,
        /// A word of the server's list.
        reason: String,
    },
    /// Fetch media of the wall into a file.
    Fetch {
        /// Its BLAKE3.
        hash: String,
        /// Where to.
        into: PathBuf,
    },
    /// What one was told.
    Notices,
    /// All of it was read.
    ReadNotices,
    /// How many notices were not read, from now on.
    ListenToNotices,
}

/// What a server said.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// The code that is to be typed, and where.
    Code(DeviceCode),
    /// Who is signed in; none when nobody is.
    Account(Option<Box<Account>>),
    /// Their tokens.
    Wallet(Wallet),
    /// How far the wall goes.
    Extent(WallExtent),
    /// A tile.
    Tile(Box<Tile>),
    /// Something changed in this tile; none when it may be anywhere.
    Changed(Option<WallEvent>),
    /// A work.
    Work(Box<Work>),
    /// Works that were found.
    Works(Box<WorkPage>),
    /// People that were found.
    People(Box<PersonPage>),
    /// Somebody.
    Person(Box<Person>),
    /// Somebody is followed now, or no longer.
    Followed {
        /// Their id.
        person: String,
        /// Whether.
        wanted: bool,
    },
    /// How many notices were not read.
    Unread(i64),
    /// What is said under a work.
    Comments(String, Box<CommentPage>),
    /// What one said oneself.
    Said(Box<Comment>),
    /// How people stand to a work now.
    Counted(String, Counters),
    /// A work is on the server.
    Published(Box<Work>),
    /// A work is gone.
    Removed(String),
    /// It was reported.
    Reported,
    /// Media are there.
    Fetched {
        /// Their BLAKE3.
        hash: String,
        /// Where.
        path: PathBuf,
    },
    /// What one was told.
    Notices(Box<NotificationPage>),
    /// It did not work: what was asked, in a word, about what, and why.
    Failed {
        /// Such as "publish".
        what: &'static str,
        /// The work, tile or medium.
        about: String,
        /// Why.
        error: ClientError,
    },
}

type Tell = Arc<dyn Fn(Told) + Send + Sync>;

/// Talks to one server.
#[derive(Debug)]
pub struct Server {
    orders: Option<UnboundedSender<Ask>>,
    answers: Mutex<Receiver<Told>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the thread. The sign-in is kept where keys are. `wake` is called after every answer.
    ///
    /// # Errors
    /// When no thread can be started, or no HTTP client made.
    pub fn start(
        address: &str,
        keys: Credentials,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Self, ClientError> {
        let link = Link::new(address, keys)?;
        let (orders, inbox) = unbounded_channel();
        let (send, answers): (Sender<Told>, Receiver<Told>) = channel();
        let tell: Tell = Arc::new(move |told| {
            // A closed channel means that the program is ending.
            if send.send(told).is_ok() {
                wake();
            }
        });
        let thread = std::thread::Builder::new()
            .name("oto-server".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Ok(runtime) = runtime {
                    runtime.block_on(serve(link, inbox, tell));
                }
            })
            .map_err(|e| ClientError::File(e.to_string()))?;
        Ok(Self { orders: Some(orders), answers: Mutex::new(answers), thread: Some(thread) })
    }

    /// Asks; the answer comes later.
    pub fn ask(&self, ask: Ask) {
        // The thread lives as long as the handle.
        if let Some(orders) = &self.orders {
            orders.send(ask).ok();
        }
    }

    /// The next answer, if there is one.
    pub fn try_told(&self) -> Option<Told> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }

    /// Waits for the next answer. For the command line.
    pub fn wait_told(&self, patience: Duration) -> Option<Told> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been told already.
            thread.join().ok();
        }
    }
}

async fn serve(link: Link, mut inbox: UnboundedReceiver<Ask>, tell: Tell) {
    let room = Arc::new(tokio::sync::Semaphore::new(TILES_AT_ONCE));
    while let Some(ask) = inbox.recv().await {
        if let Ask::Tiles(tiles) = ask {
            for (z, x, y) in tiles {
                let (link, tell, room) = (link.clone(), Arc::clone(&tell), Arc::clone(&room));
                tokio::spawn(async move {
                    let _turn = room.acquire().await;
                    match link.tile(z, x, y).await {
                        Ok(tile) => tell(Told::Tile(Box::new(tile))),
                        Err(error) => {
                            let about = format!("{z}/{x}/{y}");
                            tell(Told::Failed { what: "tile", about, error });
                        }
                    }
                });
            }
            continue;
        }
        let (link, tell) = (link.clone(), Arc::clone(&tell));
        // Dropped with the runtime when the program ends.
        tokio::spawn(async move {
            let (what, about) = label(&ask);
            if let Err(error) = carry_out(&link, ask, &tell).await {
                tell(Told::Failed { what, about, error });
            }
        });
    }
}

fn label(ask: &Ask) -> (&'static str, String) {
    match ask {
        Ask::SignIn { .. } => ("sign-in", String::new()),
        Ask::SignOut => ("sign-out", String::new()),
        Ask::Account => ("account", String::new()),
        Ask::Wallet => ("wallet", String::new()),
        Ask::Extent => ("extent", String::new()),
        Ask::Tiles(_) => ("tile", String::new()),
        Ask::Listen => ("listen", String::new()),
        Ask::Work(id) => ("work", id.clone()),
        Ask::FindWorks { .. } => ("works", String::new()),
        Ask::FindPeople(_) => ("people", String::new()),
        Ask::Comments(id) => ("comments", id.clone()),
        Ask::Say { work, .. } => ("comment", work.clone()),
        Ask::Like { work, .. } => ("like", work.clone()),
        Ask::Publish { work, .. } => ("publish", work.id.clone()),
        Ask::Remove(id) => ("remove", id.clone()),
        Ask::Report { work, .. } => ("report", work.clone()),
        Ask::Fetch { hash, .. } => ("fetch", hash.clone()),
        Ask::Notices | Ask::ReadNotices => ("notices", String::new()),
        Ask::ListenToNotices => ("listen", String::new()),
        Ask::Vote { work, .. } => ("vote", work.clone()),
        Ask::Person(name) => ("person", name.clone()),
        Ask::Follow { person, .. } => ("follow", person.clone()),
    }
}

async fn carry_out(link: &Link, ask: Ask, tell: &Tell) -> Result<(), ClientError> {
    match ask {
        Ask::SignIn { client } => {
            let code = link.begin_sign_in(&client).await?;
            tell(Told::Code(code.clone()));
            link.wait_for_sign_in(&code).await?;
            tell(Told::Account(Some(Box::new(link.account().await?))));
        }
        Ask::SignOut => {
            link.sign_out().await;
            tell(Told::Account(None));
        }
        Ask::Account => {
            let account = match link.is_signed_in().await? {
                true => match link.account().await {
                    // It was ended at the server, or on another machine.
                    Err(ClientError::Refused(problem)) if problem.code == "unauthorized" => None,
                    found => Some(found?),
                },
                false => None,
            };
            tell(Told::Account(account.map(Box::new)));
        }
        Ask::Wallet => tell(Told::Wallet(link.wallet().await?)),
        Ask::Extent => tell(Told::Extent(link.extent().await?)),
        Ask::Tiles(_) => {}
        Ask::Listen => link.listen(|event| tell(Told::Changed(event))).await?,
        Ask::Work(id) => tell(Told::Work(Box::new(link.work(&id).await?))),
        Ask::FindWorks { query } => tell(Told::Works(Box::new(link.works(&query).await?))),
        Ask::FindPeople(words) => tell(Told::People(Box::new(link.people(&words).await?))),
        Ask::Comments(id) => {
            let page = link.comments(&id).await?;
            tell(Told::Comments(id, Box::new(page)));
        }
        Ask::Say { work, text } => tell(Told::Said(Box::new(link.say(&work, text).await?))),
        Ask::Like { work, wanted } => {
            let counters = link.like(&work, wanted).await?;
            tell(Told::Counted(work, counters));
        }
        Ask::Publish { mut work, media } => {
            if let Some(path) = media {
                work.asset = Some(link.upload(&path).await?);
            }
            tell(Told::Published(Box::new(link.publish(&work).await?)));
        }
        Ask::Remove(id) => {
            link.remove(&id).await?;
            tell(Told::Removed(id));
        }
        Ask::Report { work, reason } => {
            link.report(&work, &reason).await?;
            tell(Told::Reported);
        }
        Ask::Fetch { hash, into } => {
            link.fetch(&hash, &into).await?;
            tell(Told::Fetched { hash, path: into });
        }
        Ask::Notices => tell(Told::Notices(Box::new(link.notices().await?))),
        Ask::ReadNotices => {
            link.read_notices().await?;
            tell(Told::Unread(0));
        }
        Ask::ListenToNotices => link.listen_to_notices(|n| tell(Told::Unread(n))).await?,
        Ask::Vote { work, value } => {
            let counters = link.vote(&work, value).await?;
            tell(Told::Counted(work, counters));
        }
        Ask::Person(name) => tell(Told::Person(Box::new(link.person(&name).await?))),
        Ask::Follow { person, wanted } => {
            link.follow(&person, wanted).await?;
            tell(Told::Followed { person, wanted });
        }
    }
    Ok(())
}
