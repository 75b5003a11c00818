//! A board from its file: the tables, and the undo history from the last journal rows. One bad
//! row costs one record, never the board; it stays in the file and is named.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use oto_board::{Board, BoardBuilder, History, Run};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::codec::Decode;
use crate::{StorageError, journal, rows};

/// How many journal rows are read back for undo.
const HISTORY_ROWS: u32 = 2_000;
/// And how many bytes: a step that changed a million notes is not read back at every start.
const HISTORY_BYTES: i64 = 8 << 20;

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

/// Rows as they lie in the file: a thread of its own reads them into records, so that a board of
/// a million notes opens in the time SQLite needs to hand them over.
#[derive(Default)]
struct RawRows {
    bytes: Vec<u8>,
    /// End of the body and end of its sum, or none for a row of something else than bytes.
    ends: Vec<Option<(usize, usize)>>,
}

enum Order {
    Expect(usize, usize),
    Rows(Table, RawRows),
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

fn read_rows(connection: &Connection, orders: &SyncSender<Order>) -> Result<(), StorageError> {
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0))
    };
    let (notes, twines) = (count("note")?, count("twine")?);
    // The other end is gone only when it panicked, which the join reports.
    orders.send(Order::Expect(notes.max(0) as usize, twines.max(0) as usize)).ok();
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
                orders.send(Order::Rows(table, std::mem::take(&mut chunk))).ok();
            }
        }
        orders.send(Order::Rows(table, chunk)).ok();
    }
    Ok(())
}

fn records<T: Decode>(
    table: Table,
    rows: &RawRows,
    warnings: &mut Vec<String>,
    mut each: impl FnMut(T),
) {
    let mut start = 0;
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
            Ok(record) => each(record),
            Err(warning) => warnings.push(warning),
        }
    }
}

fn build(inbox: &Receiver<Order>, seq: u64) -> (Board, Vec<String>) {
    let (mut builder, mut warnings) = (BoardBuilder::default(), Vec::new());
    let mut runs: Vec<Run> = Vec::new();
    while let Ok(order) = inbox.recv() {
        match order {
            Order::Expect(notes, twines) => builder.reserve(notes, twines),
            Order::Rows(Table::Asset, rows) => {
                records(Table::Asset, &rows, &mut warnings, |asset| builder.asset(asset));
            }
            Order::Rows(Table::Run, rows) => {
                records(Table::Run, &rows, &mut warnings, |run| runs.push(run));
            }
            Order::Rows(Table::Note, rows) => {
                records(Table::Note, &rows, &mut warnings, |note| builder.note(note));
            }
            Order::Rows(Table::Twine, rows) => {
                records(Table::Twine, &rows, &mut warnings, |twine| builder.twine(twine));
            }
        }
    }
    runs.sort_by_key(|run| (run.finished_at_ms, run.id));
    runs.into_iter().for_each(|run| builder.run(run));
    let (board, left_out) = builder.finish(seq);
    warnings.extend(left_out);
    (board, warnings)
}

pub(crate) fn load(connection: &Connection) -> Result<Loaded, StorageError> {
    // One reading transaction, so that a writer beside us is seen at one instant.
    load_within(&*connection.unchecked_transaction()?)
}

/// Within a transaction of the caller's.
pub(crate) fn load_within(connection: &Connection) -> Result<Loaded, StorageError> {
    let (seq, hash) = journal::head(connection)?;
    let (orders, inbox) = sync_channel(4);
    let built = std::thread::scope(|scope| {
        let builder = std::thread::Builder::new()
            .name("oto-load".to_owned())
            .spawn_scoped(scope, move || build(&inbox, seq))
            .map_err(StorageError::io("starting to read", std::path::Path::new("the board")))?;
        let read = read_rows(connection, &orders);
        drop(orders);
        let built = builder.join();
        read?;
        built.map_err(|_panic| StorageError::Damaged("the records".to_owned()))
    });
    let (board, mut warnings) = built?;
    let mut history = History::default();
    match journal::last(connection, HISTORY_ROWS, HISTORY_BYTES) {
        Ok(transactions) => transactions.iter().for_each(|t| history.record(t)),
        Err(error) => warnings.push(format!("undo starts afresh: {error}")),
    }
    Ok(Loaded { board, history, warnings, head: (seq, hash) })
}
