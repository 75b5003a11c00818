//! A board from its file: the tables, and the undo history from the last journal rows. One bad
//! row costs one record, never the board; it stays in the file and is named.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use oto_board::{AssetInfo, Board, BoardBuilder, History, Note, Run, Twine};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::codec::Decode;
use crate::{StorageError, journal, rows};

/// How many journal rows are read back for undo.
const HISTORY_ROWS: u32 = 2_000;
/// And how many bytes: a step that changed a million notes is not read back at every start.
const HISTORY_BYTES: i64 = 2 << 20;

/// A board as read from disk.
#[derive(Debug)]
pub struct Loaded {
    /// The records.
    pub board: Board,
    /// What can be undone.
    pub history: History,
    /// Sentences about records that had to be left out.
    pub warnings: Vec<String>,
    pub(crate) head: (u64, [u8; 32]),
}

/// Rows as they lie in the file.
#[derive(Default)]
struct RawRows {
    bytes: Vec<u8>,
    /// End of the body and end of its sum, or none for a row of something else than bytes.
    ends: Vec<Option<(usize, usize)>>,
}

type RawOrder = (Table, RawRows);

/// Records read from a chunk of rows.
enum Records {
    Assets(Vec<AssetInfo>),
    Runs(Vec<Run>),
    Notes(Vec<Note>),
    Twines(Vec<Twine>),
}

#[derive(Debug, Clone, Copy)]
enum Table {
    Asset,
    Run,
    Note,
    Twine,
}

impl Table {
    const ALL: [Self; 4] = [Self::Asset, Self::Run, Self::Note, Self::Twine];

    fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Run => "run",
            Self::Note => "note",
            Self::Twine => "twine",
        }
    }
}

/// Bytes handed over at once.
const CHUNK_BYTES: usize = 1 << 20;

fn read_rows(connection: &Connection, raw: &SyncSender<RawOrder>) -> Result<(), StorageError> {
    for table in Table::ALL {
        let mut statement =
            connection.prepare(&format!("SELECT body, sum FROM {}", table.name()))?;
        let mut rows = statement.query([])?;
        let mut chunk = RawRows::default();
        while let Some(row) = rows.next()? {
            let ends = match (row.get_ref(0)?, row.get_ref(1)?) {
                (ValueRef::Blob(body), ValueRef::Blob(sum)) => {
                    chunk.bytes.extend_from_slice(body);
                    let end = chunk.bytes.len();
                    chunk.bytes.extend_from_slice(sum);
                    Some((end, chunk.bytes.len()))
                }
                _ => None,
            };
            chunk.ends.push(ends);
            if chunk.bytes.len() >= CHUNK_BYTES {
                // The other end is gone only when it panicked, which the join reports.
                raw.send((table, std::mem::take(&mut chunk))).ok();
            }
        }
        raw.send((table, chunk)).ok();
    }
    Ok(())
}

fn records<T: Decode>(table: Table, rows: &RawRows, warnings: &mut Vec<String>) -> Vec<T> {
    let mut start = 0;
    let mut found = Vec::with_capacity(rows.ends.len());
    for ends in &rows.ends {
        let read = match ends {
            Some((body, sum)) => {
                let parts = (&rows.bytes[start..*body], &rows.bytes[*body..*sum]);
                start = *sum;
                rows::read_body(table.name(), parts.0, parts.1)
            }
            None => Err(format!("{}: a column holds something else than bytes", table.name())),
        };
        match read {
            Ok(record) => found.push(record),
            Err(warning) => warnings.push(warning),
        }
    }
    found
}

/// From rows to records, with sentences about those that cannot be read.
fn decode_all(raw: &Receiver<RawOrder>, out: &SyncSender<Records>) -> Vec<String> {
    let mut warnings = Vec::new();
    while let Ok((table, rows)) = raw.recv() {
        let records = match table {
            Table::Asset => Records::Assets(records(table, &rows, &mut warnings)),
            Table::Run => Records::Runs(records(table, &rows, &mut warnings)),
            Table::Note => Records::Notes(records(table, &rows, &mut warnings)),
            Table::Twine => Records::Twines(records(table, &rows, &mut warnings)),
        };
        if out.send(records).is_err() {
            break;
        }
    }
    warnings
}

/// From records to a board.
fn build(inbox: &Receiver<Records>, seq: u64) -> (Board, Vec<String>) {
    let mut builder = BoardBuilder::default();
    let mut runs: Vec<Run> = Vec::new();
    while let Ok(records) = inbox.recv() {
        match records {
            Records::Assets(assets) => assets.into_iter().for_each(|a| builder.asset(a)),
            Records::Runs(mut some) => runs.append(&mut some),
            Records::Notes(notes) => notes.into_iter().for_each(|n| builder.note(n)),
            Records::Twines(twines) => twines.into_iter().for_each(|t| builder.twine(t)),
        }
    }
    runs.sort_by_key(|run| (run.finished_at_ms, run.id));
    runs.into_iter().for_each(|run| builder.run(run));
    builder.finish(seq)
}

pub(crate) fn load(connection: &Connection) -> Result<Loaded, StorageError> {
    // One reading transaction, so that a writer beside us is seen at one instant.
    load_within(&*connection.unchecked_transaction()?)
}

/// Within a transaction of the caller's.
pub(crate) fn load_within(connection: &Connection) -> Result<Loaded, StorageError> {
    let (seq, hash) = journal::head(connection)?;
    let (raw, rows) = sync_channel(4);
    let (out, inbox) = sync_channel(4);
    let nowhere = std::path::Path::new("the board");
    let starting = || StorageError::io("starting to read", nowhere);
    let panicked = |_panic| StorageError::Damaged("the records".to_owned());
    // Three threads, each with its own part of the work: SQLite, records, board.
    let (mut warnings, (board, left_out)) = std::thread::scope(|scope| {
        let decoder = std::thread::Builder::new()
            .name("oto-decode".to_owned())
            .spawn_scoped(scope, move || decode_all(&rows, &out))
            .map_err(starting())?;
        let builder = std::thread::Builder::new()
            .name("oto-load".to_owned())
            .spawn_scoped(scope, move || build(&inbox, seq))
            .map_err(starting())?;
        let read = read_rows(connection, &raw);
        drop(raw);
        let (warnings, built) = (decoder.join(), builder.join());
        read?;
        Ok::<_, StorageError>((warnings.map_err(panicked)?, built.map_err(panicked)?))
    })?;
    warnings.extend(left_out);
    let mut history = History::default();
    match journal::last(connection, HISTORY_ROWS, HISTORY_BYTES) {
        Ok(transactions) => transactions.iter().for_each(|t| history.record(t)),
        Err(error) => warnings.push(format!("undo starts afresh: {error}")),
    }
    Ok(Loaded { board, history, warnings, head: (seq, hash) })
}
