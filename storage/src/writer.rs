//! The writer thread: the only connection that writes a board. The caller sends transactions and
//! never waits for the disk; each is acknowledged after its commit with `synchronous=FULL`.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use oto_board::Transaction;
use rusqlite::{Connection, TransactionBehavior};

use crate::{BoardLock, Loaded, StorageError, journal, open, rows};

/// How many transactions may wait for the disk before edits are held back.
const QUEUE: usize = 4_096;

/// What the user is told about saving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveState {
    /// Everything up to this transaction is on disk.
    Saved(u64),
    /// The disk refused; the board is read-only until it is opened again.
    NotSaved(String),
}

enum Order {
    Write(Box<Transaction>),
    Stop,
}

/// Handle of the writer thread. Dropping it writes what waits, then closes the file.
pub struct Writer {
    orders: SyncSender<Order>,
    state: Arc<Mutex<SaveState>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

fn lock_state(state: &Mutex<SaveState>) -> std::sync::MutexGuard<'_, SaveState> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Writer {
    pub(crate) fn start(
        path: &Path,
        connection: Connection,
        lock: BoardLock,
        loaded: &Loaded,
    ) -> Result<Self, StorageError> {
        let (orders, inbox) = sync_channel(QUEUE);
        let state = Arc::new(Mutex::new(SaveState::Saved(loaded.head.0)));
        let shared = Arc::clone(&state);
        let head = loaded.head;
        let thread = std::thread::Builder::new()
            .name("oto-writer".to_owned())
            .spawn({
                let path = path.to_owned();
                move || {
                    write_all(&path, connection, head, &inbox, &shared);
                    drop(lock);
                }
            })
            .map_err(StorageError::io("starting the writer", path))?;
        Ok(Self { orders, state, thread: Some(thread), path: path.to_owned() })
    }

    /// Where the board lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands a transaction over. Never waits.
    ///
    /// # Errors
    /// Gives it back when the queue is full or the writer has stopped: hold further edits back.
    #[expect(
        clippy::result_large_err,
        reason = "the transaction is given back, so that nothing is lost"
    )]
    pub fn send(&self, transaction: Transaction) -> Result<(), Transaction> {
        match self.orders.try_send(Order::Write(Box::new(transaction))) {
            Ok(()) => Ok(()),
            Err(
                TrySendError::Full(Order::Write(t)) | TrySendError::Disconnected(Order::Write(t)),
            ) => Err(*t),
            // Only `Write` is ever sent here.
            Err(TrySendError::Full(Order::Stop) | TrySendError::Disconnected(Order::Stop)) => {
                Ok(())
            }
        }
    }

    /// How far saving has come.
    #[must_use]
    pub fn state(&self) -> SaveState {
        lock_state(&self.state).clone()
    }

    /// Waits until a transaction is on disk. For the command line, which has no frame to keep.
    ///
    /// # Errors
    /// What the disk said.
    pub fn wait_for(&self, seq: u64) -> Result<(), StorageError> {
        loop {
            match self.state() {
                SaveState::Saved(done) if done >= seq => return Ok(()),
                SaveState::NotSaved(reason) => return Err(StorageError::Damaged(reason)),
                SaveState::Saved(_) => {}
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return Err(StorageError::WriterGone);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A full queue empties itself; a writer that is gone needs no order.
        if self.orders.send(Order::Stop).is_ok()
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            *lock_state(&self.state) = SaveState::NotSaved("the writer stopped".to_owned());
        }
    }
}

fn write_all(
    path: &Path,
    mut connection: Connection,
    mut head: (u64, [u8; 32]),
    inbox: &Receiver<Order>,
    state: &Mutex<SaveState>,
) {
    loop {
        let order = match inbox.recv_timeout(Duration::from_secs(3600)) {
            Ok(order) => order,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => Order::Stop,
        };
        let Order::Write(first) = order else { break };
        // What waits is committed together: one sync for many edits, still in order.
        let mut batch = vec![*first];
        let mut stop = false;
        while batch.len() < 256 {
            match inbox.try_recv() {
                Ok(Order::Write(next)) => batch.push(*next),
                Ok(Order::Stop) => {
                    stop = true;
                    break;
                }
                Err(_) => break,
            }
        }
        loop {
            match commit(&mut connection, head, &batch) {
                Ok(new_head) => {
                    head = new_head;
                    *lock_state(state) = SaveState::Saved(head.0);
                    break;
                }
                // Rolled back whole: what waits is kept, in order, and tried again.
                Err(error) if passes_by_itself(&error) => {
                    *lock_state(state) = SaveState::NotSaved(error.to_string());
                    if stop || ended(inbox, &mut batch) {
                        return;
                    }
                }
                Err(error) => {
                    // After a failed write or sync the connection is never trusted again.
                    let reason = match open::connect(path).and_then(|c| journal::head(&c)) {
                        Ok(on_disk) if on_disk == head => error.to_string(),
                        Ok(_) => format!("{error}; the file differs from what was acknowledged"),
                        Err(second) => format!("{error}; reopening failed too: {second}"),
                    };
                    *lock_state(state) = SaveState::NotSaved(reason);
                    return;
                }
            }
        }
        if stop {
            break;
        }
    }
    // After this the single file is complete and can be copied. Failure costs nothing: the WAL stays.
    connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").ok();
}

/// Waits a little for the disk, taking in what comes meanwhile. True when the board is closed.
fn ended(inbox: &Receiver<Order>, batch: &mut Vec<Transaction>) -> bool {
    match inbox.recv_timeout(Duration::from_millis(500)) {
        Ok(Order::Write(next)) => batch.push(*next),
        Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
        Err(RecvTimeoutError::Timeout) => {}
    }
    false
}

/// A full disk or a busy file: SQLite rolled back, and the next try may succeed.
fn passes_by_itself(error: &StorageError) -> bool {
    let StorageError::Sqlite(error) = error else { return false };
    matches!(
        error.sqlite_error_code(),
        Some(
            rusqlite::ErrorCode::DatabaseBusy
                | rusqlite::ErrorCode::DatabaseLocked
                | rusqlite::ErrorCode::DiskFull
        )
    )
}

fn commit(
    connection: &mut Connection,
    head: (u64, [u8; 32]),
    batch: &[Transaction],
) -> Result<(u64, [u8; 32]), StorageError> {
    let sql = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut seq, mut hash) = head;
    for transaction in batch {
        if transaction.seq != seq + 1 {
            return Err(StorageError::Damaged(format!(
                "transaction {} does not follow {seq}",
                transaction.seq
            )));
        }
        hash = journal::append(&sql, &hash, transaction)?;
        rows::write(&sql, transaction)?;
        seq = transaction.seq;
    }
    let mut head_bytes = seq.to_le_bytes().to_vec();
    head_bytes.extend_from_slice(&hash);
    sql.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('head', ?1)")?
        .execute([head_bytes])?;
    sql.commit()?;
    Ok((seq, hash))
}
