//! The journal: one row per transaction, chained by BLAKE3, so that a changed byte or a missing
//! row is found.

use oto_board::{Change, NoteId, Op, Origin, StepId, Transaction};
use rusqlite::{Connection, Row, params};

use crate::StorageError;
use crate::codec::{CODEC_VERSION, DecodeError, decode, encode};

/// Hash before the first row.
pub(crate) const CHAIN_START: [u8; 32] = [0; 32];

/// The hash of a row: previous hash, header (seq, step, op, origin, codec, time), body.
fn link(
    previous: &[u8; 32],
    seq: i64,
    step: &[u8],
    op: &str,
    origin: &[u8],
    codec: i64,
    at_ms: i64,
    body: &[u8],
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(&seq.to_le_bytes());
    for part in [step, op.as_bytes(), origin, &codec.to_le_bytes(), &at_ms.to_le_bytes(), body] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Writes one row and returns its hash, the new head of the chain.
pub(crate) fn append(
    connection: &Connection,
    previous: &[u8; 32],
    transaction: &Transaction,
) -> Result<[u8; 32], StorageError> {
    let seq = transaction.seq as i64;
    let step = transaction.step.0.to_be_bytes();
    let op = transaction.op.word();
    let origin = encode(&transaction.origin);
    let body = encode(&(&transaction.changes, &transaction.selection_hint));
    let hash = link(previous, seq, &step, op, &origin, CODEC_VERSION, transaction.at_ms, &body);
    connection
        .prepare_cached("INSERT INTO journal (seq, step, op, origin, codec, at_ms, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![seq, step, op, origin, CODEC_VERSION, transaction.at_ms, body, hash])?;
    Ok(hash)
}

struct RawRow {
    seq: i64,
    step: Vec<u8>,
    op: String,
    origin: Vec<u8>,
    codec: i64,
    at_ms: i64,
    body: Vec<u8>,
    hash: Vec<u8>,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<RawRow> {
    Ok(RawRow {
        seq: row.get(0)?,
        step: row.get(1)?,
        op: row.get(2)?,
        origin: row.get(3)?,
        codec: row.get(4)?,
        at_ms: row.get(5)?,
        body: row.get(6)?,
        hash: row.get(7)?,
    })
}

fn read(row: &RawRow) -> Result<Transaction, StorageError> {
    let damaged =
        |error: DecodeError| StorageError::Damaged(format!("journal row {}: {error}", row.seq));
    if row.codec != CODEC_VERSION {
        return Err(StorageError::Damaged(format!(
            "journal row {}: unknown layout {}",
            row.seq, row.codec
        )));
    }
    let op = Op::from_word(&row.op).ok_or_else(|| {
        StorageError::Damaged(format!("journal row {}: unknown operation", row.seq))
    })?;
    let (changes, selection_hint): (Vec<Change>, Vec<NoteId>) =
        decode(&row.body).map_err(damaged)?;
    let origin: Origin = decode(&row.origin).map_err(damaged)?;
    let step = row
        .step
        .as_slice()
        .try_into()
        .map(|bytes| StepId(u128::from_be_bytes(bytes)))
        .or(Err(damaged(DecodeError::Short)))?;
    Ok(Transaction {
        seq: row.seq as u64,
        step,
        op,
        origin,
        at_ms: row.at_ms,
        changes,
        selection_hint,
    })
}

/// The journal from `after` (exclusive), checked link by link from `previous`. Stops at the first
/// break and names it.
pub(crate) fn read_checked(
    connection: &Connection,
    after: u64,
    mut previous: [u8; 32],
    mut each: impl FnMut(Transaction) -> Result<(), StorageError>,
) -> Result<(u64, [u8; 32]), StorageError> {
    let mut statement = connection.prepare(
        "SELECT seq, step, op, origin, codec, at_ms, body, hash FROM journal WHERE seq > ?1 ORDER BY seq",
    )?;
    let mut rows = statement.query([after as i64])?;
    let mut expected = after as i64 + 1;
    while let Some(row) = rows.next()? {
        let row = raw(row)
            .map_err(|error| StorageError::Damaged(format!("journal row {expected}: {error}")))?;
        if row.seq != expected {
            return Err(StorageError::Damaged(format!("journal row {expected} is missing")));
        }
        let hash = link(
            &previous,
            row.seq,
            &row.step,
            &row.op,
            &row.origin,
            row.codec,
            row.at_ms,
            &row.body,
        );
        if row.hash != hash {
            return Err(StorageError::Damaged(format!(
                "journal row {} does not fit the chain",
                row.seq
            )));
        }
        each(read(&row)?)?;
        previous = hash;
        expected += 1;
    }
    Ok((expected as u64 - 1, previous))
}

/// Sequence number and hash of the last row, as kept in `meta`.
pub(crate) fn head(connection: &Connection) -> Result<(u64, [u8; 32]), StorageError> {
    let found = connection
        .query_row("SELECT value FROM meta WHERE key = 'head'", [], |row| row.get::<_, Vec<u8>>(0));
    match found {
        Ok(bytes) if bytes.len() == 40 => {
            let mut seq = [0; 8];
            let mut hash = [0; 32];
            seq.copy_from_slice(&bytes[..8]);
            hash.copy_from_slice(&bytes[8..]);
            Ok((u64::from_le_bytes(seq), hash))
        }
        Ok(_) => Err(StorageError::Damaged("the journal's head".to_owned())),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok((0, CHAIN_START)),
        Err(error) => Err(error.into()),
    }
}

/// The last `n` transactions, oldest first, for the undo history; fewer when their bodies would
/// exceed `bytes` together, but at least one.
pub(crate) fn last(
    connection: &Connection,
    n: u32,
    bytes: i64,
) -> Result<Vec<Transaction>, StorageError> {
    // Lengths alone come from the row's header: a long body is not read to be skipped.
    let mut sizes =
        connection.prepare("SELECT seq, length(body) FROM journal ORDER BY seq DESC LIMIT ?1")?;
    let mut rows = sizes.query([n])?;
    let (mut first, mut room) = (i64::MAX, bytes);
    while let Some(row) = rows.next()? {
        room -= row.get::<_, i64>(1)?;
        // The last step can always be undone, whatever its size.
        if room < 0 && first != i64::MAX {
            break;
        }
        first = row.get(0)?;
    }
    let mut statement = connection.prepare(
        "SELECT seq, step, op, origin, codec, at_ms, body, hash FROM journal WHERE seq >= ?1 ORDER BY seq",
    )?;
    let rows = statement.query_map([first], raw)?.collect::<Result<Vec<_>, _>>()?;
    rows.iter().map(read).collect()
}
