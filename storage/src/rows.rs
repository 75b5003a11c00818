//! The tables of records, written from the changes of a transaction.

use oto_board::{Change, Note, Rec, Transaction, Twine};
use rusqlite::{Connection, params};

use crate::StorageError;
use crate::codec::{Decode, Encode, decode, encode};

/// The first 8 bytes of BLAKE3 over the body: checked whenever the row is read.
fn sum_of(body: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&blake3::hash(body).as_bytes()[..8]);
    sum
}

/// Reads a record's body, refusing one whose sum does not fit.
pub(crate) fn read_body<T: Decode>(what: &str, body: &[u8], sum: &[u8]) -> Result<T, String> {
    if sum != sum_of(body) {
        return Err(format!("{what}: the checksum does not fit"));
    }
    decode(body).map_err(|error| format!("{what}: {error}"))
}

fn body_and_sum(value: &impl Encode) -> (Vec<u8>, [u8; 8]) {
    let body = encode(value);
    let sum = sum_of(&body);
    (body, sum)
}

fn put_note(c: &Connection, note: &Note) -> Result<(), StorageError> {
    let (body, sum) = body_and_sum(note);
    let work = note.kind.work();
    let run = work.and_then(|w| w.run()).map(|r| r.0.to_be_bytes());
    let asset = work.and_then(|w| w.asset()).map(|a| a.0);
    c.prepare_cached(
        "INSERT OR REPLACE INTO note (id, run, asset, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![note.id.0.to_be_bytes(), run, asset, body, sum])?;
    Ok(())
}

fn put_twine(c: &Connection, twine: &Twine) -> Result<(), StorageError> {
    let (body, sum) = body_and_sum(twine);
    c.prepare_cached("INSERT OR REPLACE INTO twine (id, from_note, to_note, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            twine.id.0.to_be_bytes(),
            twine.from.0.to_be_bytes(),
            twine.to.0.to_be_bytes(),
            body,
            sum
        ])?;
    Ok(())
}

/// Writes what a transaction changed.
pub(crate) fn write(c: &Connection, transaction: &Transaction) -> Result<(), StorageError> {
    for change in &transaction.changes {
        match change {
            Change::Note(Rec::Inserted(note) | Rec::Updated { after: note, .. }) => {
                put_note(c, note)?;
            }
            Change::Note(Rec::Removed(note)) => {
                c.prepare_cached("DELETE FROM note WHERE id = ?1")?
                    .execute([note.id.0.to_be_bytes()])?;
            }
            Change::Twine(Rec::Inserted(twine) | Rec::Updated { after: twine, .. }) => {
                put_twine(c, twine)?;
            }
            Change::Twine(Rec::Removed(twine)) => {
                c.prepare_cached("DELETE FROM twine WHERE id = ?1")?
                    .execute([twine.id.0.to_be_bytes()])?;
            }
            Change::Run(run) => {
                let (body, sum) = body_and_sum(run);
                c.prepare_cached("INSERT INTO run (id, job, body, sum) VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![run.id.0.to_be_bytes(), run.job.0.to_be_bytes(), body, sum])?;
                for output in &run.outputs {
                    c.prepare_cached(
                        "INSERT OR IGNORE INTO run_asset (run, asset) VALUES (?1, ?2)",
                    )?
                    .execute(params![run.id.0.to_be_bytes(), output.asset.0])?;
                }
            }
            Change::Asset(asset) => {
                let (body, sum) = body_and_sum(asset);
                c.prepare_cached(
                    "INSERT OR IGNORE INTO asset (id, body, sum) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![asset.id.0, body, sum])?;
            }
        }
    }
    Ok(())
}
