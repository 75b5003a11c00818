//! `oto board check`: everything that can be wrong with a board on disk, named.

use std::path::Path;

use oto_board::validate::{replay, validate};
use oto_board::{Board, Note, Twine};

use crate::{AssetStore, StorageError, journal, load, open};

/// The result of a full check.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    /// Notes on the board.
    pub notes: usize,
    /// Strings.
    pub twines: usize,
    /// Finished runs.
    pub runs: usize,
    /// Media files that were read and hashed.
    pub assets: usize,
    /// Transactions in the journal.
    pub transactions: u64,
    /// Everything wrong; empty on a sound board.
    pub problems: Vec<String>,
}

/// Checks SQLite's structure, foreign keys, every row's sum, the journal's chain, that the journal
/// replayed gives the tables, and the bytes of every asset.
///
/// # Errors
/// When the file is not a board or cannot be opened at all.
pub fn check_board(path: &Path, store: &AssetStore) -> Result<CheckReport, StorageError> {
    let connection = open::look_at(path)?;
    let mut report = CheckReport::default();
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            report.problems.push(format!("database structure: {line}"));
        }
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        report.problems.push(format!("a row of {table} refers to a missing {parent}"));
    }
    let snapshot = connection.unchecked_transaction()?;
    let loaded = load::load_within(&snapshot)?;
    report.problems.extend(loaded.warnings);
    report.problems.extend(validate(&loaded.board));
    check_journal(&snapshot, &loaded.board, loaded.head, &mut report)?;
    for asset in loaded.board.assets() {
        match store.verify(asset.id) {
            Ok(found) if found == asset.id => report.assets += 1,
            Ok(_) => report.problems.push(format!("media {} is damaged", asset.id)),
            Err(error) => report.problems.push(format!("media {} is missing: {error}", asset.id)),
        }
    }
    report.notes = loaded.board.n_notes();
    report.twines = loaded.board.n_twines();
    report.runs = loaded.board.runs().len();
    Ok(report)
}

fn check_journal(
    connection: &rusqlite::Connection,
    board: &Board,
    head: (u64, [u8; 32]),
    report: &mut CheckReport,
) -> Result<(), StorageError> {
    let mut replayed = Board::new();
    let mut misfit = None;
    let outcome = journal::read_checked(connection, 0, journal::CHAIN_START, |transaction| {
        if misfit.is_none()
            && let Err(error) = replay(&mut replayed, &transaction)
        {
            misfit = Some(format!("journal row {} does not fit: {error}", transaction.seq));
        }
        Ok(())
    });
    match outcome {
        Ok(found) => {
            report.transactions = found.0;
            if found != head {
                report.problems.push("the journal's head is not its last row".to_owned());
            }
        }
        Err(StorageError::Damaged(what)) => {
            report.problems.push(what);
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    if let Some(misfit) = misfit {
        report.problems.push(misfit);
    } else if records(board) != records(&replayed) {
        report.problems.push("the journal tells another board than the tables".to_owned());
    }
    Ok(())
}

fn records(board: &Board) -> (Vec<&Note>, Vec<&Twine>, usize, usize) {
    let mut notes: Vec<&Note> = board.notes().collect();
    notes.sort_by_key(|n| n.id);
    let mut twines: Vec<&Twine> = board.twines().collect();
    twines.sort_by_key(|t| t.id);
    (notes, twines, board.runs().len(), board.assets().len())
}
