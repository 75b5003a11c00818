//! A board from its file: the tables, and the undo history from the last journal rows. One bad
//! row costs one record, never the board; it stays in the file and is named.

use oto_board::{AssetInfo, Board, History, Note, Run, Twine};
use rusqlite::Connection;

use crate::codec::Decode;
use crate::{StorageError, journal, rows};

/// How many journal rows are read back for undo.
const HISTORY_ROWS: u32 = 2_000;

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

fn records<T: Decode>(
    connection: &Connection,
    table: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<T>, StorageError> {
    let mut statement = connection.prepare(&format!("SELECT body, sum FROM {table}"))?;
    let mut found = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let read = match (row.get::<_, Vec<u8>>(0), row.get::<_, Vec<u8>>(1)) {
            (Ok(body), Ok(sum)) => rows::read_body(table, &body, &sum),
            _ => Err(format!("{table}: a column holds something else than bytes")),
        };
        match read {
            Ok(record) => found.push(record),
            Err(warning) => warnings.push(warning),
        }
    }
    Ok(found)
}

pub(crate) fn load(connection: &Connection) -> Result<Loaded, StorageError> {
    // One reading transaction, so that a writer beside us is seen at one instant.
    load_within(&*connection.unchecked_transaction()?)
}

/// Within a transaction of the caller's.
pub(crate) fn load_within(connection: &Connection) -> Result<Loaded, StorageError> {
    let mut warnings = Vec::new();
    let (seq, hash) = journal::head(connection)?;
    let assets: Vec<AssetInfo> = records(connection, "asset", &mut warnings)?;
    let mut runs: Vec<Run> = records(connection, "run", &mut warnings)?;
    runs.sort_by_key(|run| (run.finished_at_ms, run.id));
    let notes: Vec<Note> = records(connection, "note", &mut warnings)?;
    let twines: Vec<Twine> = records(connection, "twine", &mut warnings)?;
    let (board, left_out) = Board::from_records(seq, notes, twines, runs, assets);
    warnings.extend(left_out);
    let mut history = History::default();
    match journal::last(connection, HISTORY_ROWS) {
        Ok(transactions) => transactions.iter().for_each(|t| history.record(t)),
        Err(error) => warnings.push(format!("undo starts afresh: {error}")),
    }
    Ok(Loaded { board, history, warnings, head: (seq, hash) })
}
