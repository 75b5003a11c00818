//! Where people live: plots of 8,192 units along a square spiral from the middle of the wall, given
//! in the order in which people come, so that the wall has no hole and nothing overlaps. A plot has
//! 34 × 34 cells, used along the same spiral from its middle; a cell that becomes free is used first.

use sea_orm::{ConnectionTrait, DbErr};

use crate::db::{execute, one, value};

/// Side of a plot in units.
pub(crate) const PLOT: f64 = 8_192.0;
/// Side of a cell in units: a work of 200 with room around it.
const CELL: f64 = 240.0;
/// Cells of a plot.
const CELLS: i64 = 34 * 34;
/// So many cells are used before a person gets another plot.
const FULL: i64 = CELLS * 8 / 10;

/// The n-th place of a square spiral: right, up, left, down, outwards.
pub(crate) fn spiral(n: i64) -> (i64, i64) {
    if n <= 0 {
        return (0, 0);
    }
    // The ring, and how far along it.
    let mut ring = ((n as f64).sqrt() as i64 + 1) / 2;
    while (2 * ring - 1).pow(2) > n {
        ring -= 1;
    }
    while (2 * ring + 1).pow(2) <= n {
        ring += 1;
    }
    let along = n - (2 * ring - 1).pow(2);
    let side = 2 * ring;
    match along / side {
        0 => (ring, along - ring + 1),
        1 => (ring - 1 - (along - side), ring),
        2 => (-ring, ring - 1 - (along - 2 * side)),
        _ => (along - 3 * side - ring + 1, -ring),
    }
}

/// Left upper corner of a plot.
pub(crate) fn corner((px, py): (i64, i64)) -> (f64, f64) {
    (px as f64 * PLOT, py as f64 * PLOT)
}

/// A place for a work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub(crate) plot: i64,
    pub(crate) cell: i64,
    pub(crate) px: i64,
    pub(crate) py: i64,
    /// Centre in units.
    pub(crate) x: f64,
    pub(crate) y: f64,
}

fn place(plot: i64, (px, py): (i64, i64), cell: i64) -> Place {
    let ((left, top), (cx, cy)) = (corner((px, py)), spiral(cell));
    let at = |edge: f64, c: i64| edge + PLOT / 2.0 + (c as f64 - 0.5) * CELL;
    Place { plot, cell, px, py, x: at(left, cx), y: at(top, cy) }
}

/// The next plot of the wall, for an account.
pub(crate) async fn give_plot(
    txn: &impl ConnectionTrait,
    account: &str,
) -> Result<(i64, (i64, i64)), DbErr> {
    let sql = "UPDATE counter SET value = value + 1 WHERE name = 'plot' RETURNING value - 1";
    let n: i64 = value(txn, sql, vec![]).await?.unwrap_or(0);
    Ok((n, spiral(n)))
        .inspect(|_| tracing::debug!(account.id = account, plot = n, "a plot was given"))
}

/// Writes down whose plot it is.
pub(crate) async fn settle(
    txn: &impl ConnectionTrait,
    account: &str,
    n: i64,
    (px, py): (i64, i64),
) -> Result<(), DbErr> {
    let sql = "INSERT INTO plot (n, px, py, account, taken) VALUES ($1, $2, $3, $4, 0)";
    execute(txn, sql, vec![n.into(), px.into(), py.into(), account.into()]).await?;
    Ok(())
}

/// A free cell of a person, in their newest plot that has room, else in a new one.
pub(crate) async fn take_cell(txn: &impl ConnectionTrait, account: &str) -> Result<Place, DbErr> {
    // The write locks the plot until the transaction ends: two works never get one cell.
    let sql = "UPDATE plot SET taken = taken + 1 WHERE n = (SELECT MIN(n) FROM plot WHERE account = $1 AND taken < $2) AND taken < $3 RETURNING n, px, py";
    let found = one(txn, sql, vec![account.into(), FULL.into(), CELLS.into()]).await?;
    let (n, at) = match found {
        Some(row) => (row.try_get("", "n")?, (row.try_get("", "px")?, row.try_get("", "py")?)),
        None => {
            let (n, at) = give_plot(txn, account).await?;
            settle(txn, account, n, at).await?;
            execute(txn, "UPDATE plot SET taken = 1 WHERE n = $1", vec![n.into()]).await?;
            (n, at)
        }
    };
    let sql = "SELECT MIN(c) FROM (SELECT cell + 1 AS c FROM work WHERE plot = $1 AND cell IS NOT NULL UNION ALL SELECT 0 AS c) t
         WHERE NOT EXISTS (SELECT 1 FROM work w WHERE w.plot = $1 AND w.cell = t.c)";
    let cell: Option<i64> = value(txn, sql, vec![n.into()]).await?;
    Ok(place(n, at, cell.unwrap_or(0)))
}

/// A cell is free again.
pub(crate) async fn free_cell(txn: &impl ConnectionTrait, plot: i64) -> Result<(), DbErr> {
    execute(txn, "UPDATE plot SET taken = taken - 1 WHERE n = $1", vec![plot.into()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_spiral_has_no_hole_and_visits_nothing_twice() {
        let mut seen = HashSet::new();
        for n in 0..40_000 {
            let at = spiral(n);
            assert!(seen.insert(at), "{n} {at:?}");
            if n > 0 {
                let (before, now) = (spiral(n - 1), at);
                let step = (now.0 - before.0).abs() + (now.1 - before.1).abs();
                assert_eq!(step, 1, "{n}: {before:?} to {now:?}");
            }
            // A full square is a square.
            let side = (seen.len() as f64).sqrt() as i64;
            if side * side == seen.len() as i64 {
                let xs: Vec<i64> = seen.iter().map(|p| p.0).collect();
                let width = xs.iter().max().unwrap() - xs.iter().min().unwrap() + 1;
                assert_eq!(width, side);
            }
        }
    }

    #[test]
    fn works_stay_inside_their_plot_and_apart_from_each_other() {
        let all: Vec<Place> = (0..CELLS).map(|cell| place(7, (3, -2), cell)).collect();
        let (left, top) = corner((3, -2));
        for (i, a) in all.iter().enumerate() {
            assert!(a.x - 100.0 > left && a.x + 100.0 < left + PLOT, "{a:?}");
            assert!(a.y - 100.0 > top && a.y + 100.0 < top + PLOT, "{a:?}");
            for b in &all[..i] {
                assert!((a.x - b.x).abs() > 200.0 || (a.y - b.y).abs() > 200.0, "{a:?} {b:?}");
            }
        }
    }
}
