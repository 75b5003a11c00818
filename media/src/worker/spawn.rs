//! Starting worker processes. All of them are started by one thread that lives as long as the
//! program, because on Linux a worker is ended with the *thread* that started it. One worker that
//! has GStreamer loaded is kept in reserve, so that opening a film does not wait for that.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::fds::shared_file;
use super::{FILMS_ARGUMENT, PROBE_ARGUMENT};
use crate::MediaError;

/// How much of what a worker complains about is kept.
const COMPLAINT_BYTES: u64 = 64 << 10;
/// The reserve is made when the worker it replaces has had its start.
const RESERVE_DELAY: Duration = Duration::from_millis(300);
/// Looking at every plugin for the first time took 0.6 s; a slow disk takes longer.
const PROBE_PATIENCE: Duration = Duration::from_secs(30);

/// The program that is the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// What comes before the arguments of the worker.
    pub(super) argument: Option<String>,
}

/// What a worker loads before it knows its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing.
    Plain,
    /// GStreamer.
    Films,
}

/// A process, and the ways to it. Ended when dropped.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) socket: UnixStream,
    /// What it writes to its standard error.
    pub(super) complaint: Option<File>,
}

impl Drop for Started {
    fn drop(&mut self) {
        // The worker may be gone already; either way nothing of it is left behind.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

enum Order {
    Start { program: Program, kind: Kind, answer: SyncSender<Result<Started, MediaError>> },
    WarmUp(Program),
}

/// Starts a worker.
pub(super) fn start(program: &Program, kind: Kind) -> Result<Started, MediaError> {
    let gone = || MediaError::Io {
        what: "starting the media worker",
        source: std::io::Error::other("no thread could be started"),
    };
    let (answer, told) = sync_channel(1);
    let order = Order::Start { program: program.clone(), kind, answer };
    orders().ok_or_else(gone)?.send(order).or(Err(gone()))?;
    // Bounded: the thread waits for nothing but a probe, which has a bound.
    told.recv().or(Err(gone()))?
}

/// Makes a worker for films ready.
pub(super) fn warm_up(program: &Program) {
    if let Some(orders) = orders() {
        // A full queue means that workers are being started anyway.
        orders.try_send(Order::WarmUp(program.clone())).ok();
    }
}

fn orders() -> Option<&'static SyncSender<Order>> {
    static ORDERS: OnceLock<Option<SyncSender<Order>>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (sender, receiver) = sync_channel(64);
        let thread = std::thread::Builder::new().name("media workers".to_owned());
        thread.spawn(move || serve(&receiver)).ok().map(|_| sender)
    });
    orders.as_ref()
}

fn serve(orders: &Receiver<Order>) {
    let mut reserve: Option<(Program, Started)> = None;
    let mut wanted: Option<Program> = None;
    let mut probed: Option<Program> = None;
    loop {
        let order = match &wanted {
            None => orders.recv().map_err(RecvTimeoutError::from),
            Some(_) => orders.recv_timeout(RESERVE_DELAY),
        };
        match order {
            Ok(Order::Start { program, kind: Kind::Plain, answer }) => {
                // An answer nobody waits for ends the worker.
                answer.send(spawn(&program, Kind::Plain)).ok();
            }
            Ok(Order::Start { program, kind: Kind::Films, answer }) => {
                let ready = reserve.take().filter(|(of, _)| *of == program);
                let started = match ready.and_then(|(_, started)| alive(started)) {
                    Some(started) => Ok(started),
                    None => {
                        probe(&program, &mut probed);
                        spawn(&program, Kind::Films)
                    }
                };
                wanted = started.is_ok().then_some(program);
                answer.send(started).ok();
            }
            Ok(Order::WarmUp(program)) => {
                if reserve.as_ref().is_none_or(|(of, _)| *of != program) {
                    wanted = Some(program);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some(program) = wanted.take() {
                    probe(&program, &mut probed);
                    reserve = spawn(&program, Kind::Films).ok().map(|started| (program, started));
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn alive(mut started: Started) -> Option<Started> {
    matches!(started.child.try_wait(), Ok(None)).then_some(started)
}

/// Where GStreamer keeps what it knows of its plugins. In a folder of ours, because a plugin is
/// loaded from wherever this file says.
fn registry() -> Option<PathBuf> {
    if let Some(file) = std::env::var_os("GST_REGISTRY") {
        return Some(file.into());
    }
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    let folder = cache.join("oto");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("gstreamer-registry.bin"))
}

fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.path);
    command.args(&program.argument);
    command.env_clear().env("LANG", "C.UTF-8").env("MALLOC_ARENA_MAX", "2");
    // Where libraries, plugins and voices lie on systems that do not keep them in the usual
    // places.
    for name in [
        "LD_LIBRARY_PATH",
        "GST_PLUGIN_PATH",
        "GST_PLUGIN_SYSTEM_PATH",
        "GST_PLUGIN_SCANNER",
        "ESPEAK_DATA_PATH",
    ] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Brings the registry up to date, once in the life of this program: workers only read it.
fn probe(program: &Program, probed: &mut Option<Program>) {
    let Some(registry) = registry().filter(|_| probed.as_ref() != Some(program)) else { return };
    *probed = Some(program.clone());
    let child = command(program)
        .arg(PROBE_ARGUMENT)
        .env("GST_REGISTRY", registry)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return };
    let end = Instant::now() + PROBE_PATIENCE;
    // What it finds shows at the first element: "… is missing".
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > end {
            child.kill().ok();
            child.wait().ok();
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn spawn(program: &Program, kind: Kind) -> Result<Started, MediaError> {
    let failed = || MediaError::io("starting the media worker");
    let (ours, theirs) = UnixStream::pair().map_err(failed())?;
    let mut command = command(program);
    if kind == Kind::Films {
        command.arg(FILMS_ARGUMENT);
        // Without a place for the registry, each worker looks at every plugin by itself.
        if let Some(registry) = registry() {
            command
                .env("GST_REGISTRY", registry)
                .env("GST_REGISTRY_FORK", "no")
                .env("GST_REGISTRY_UPDATE", "no");
        }
    }
    // Of fixed size on Linux: it never blocks the worker and never fills the memory.
    let complaint =
        if cfg!(target_os = "linux") { shared_file(COMPLAINT_BYTES).ok() } else { None };
    let heard = complaint.as_ref().and_then(|file| file.try_clone().ok());
    let child = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(heard.map_or_else(Stdio::null, Stdio::from))
        .spawn()
        .map_err(failed())?;
    Ok(Started { child, socket: ours, complaint })
}
