//! What is seen of the wall from afar. A cell of level 7 is a plot; a cell of each further level is
//! four of the level before. A change writes a row; one server at a time brings the sums up to date
//! from those rows, so that people who publish at once never wait for each other.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait, Value};

use super::tiles::{NEAR_SIDE, TOP};
use crate::db::{all, chores_lock, execute, immediate, now_ms, one, places};

/// Level whose cells are plots.
pub(crate) const FIRST: u8 = 7;
/// Changes taken at once.
const BATCH: i64 = 2_000;
/// How long changes are kept for servers that tell of them.
const KEEP_MS: i64 = 600_000;

/// Something changed here: a work came, went, or reads otherwise.
pub(crate) async fn changed(
    txn: &impl ConnectionTrait,
    (px, py): (i64, i64),
    [x, y]: [f64; 2],
) -> Result<(), DbErr> {
    let tile = |v: f64| (v / NEAR_SIDE).floor() as i64;
    let sql = "INSERT INTO wall_change (id, px, py, tx, ty, at_ms) VALUES ($1, $2, $3, $4, $5, $6)";
    let values: Vec<Value> = vec![
        uuid::Uuid::now_v7().to_string().into(),
        px.into(),
        py.into(),
        tile(x).into(),
        tile(y).into(),
        now_ms().into(),
    ];
    execute(txn, sql, values).await?;
    Ok(())
}

/// Brings the sums up to date. How many changes were taken in; none when another server does it.
pub(crate) async fn bring_up_to_date(db: &DatabaseConnection) -> Result<usize, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    if !chores_lock(&txn).await? {
        txn.rollback().await?;
        return Ok(0);
    }
    let sql =
        format!("SELECT id, px, py FROM wall_change WHERE summed = 0 ORDER BY id LIMIT {BATCH}");
    let (mut ids, mut plots) = (Vec::new(), BTreeSet::new());
    for row in all(&txn, &sql, vec![]).await? {
        ids.push(row.try_get::<String>("", "id")?);
        plots.insert((row.try_get::<i64>("", "px")?, row.try_get::<i64>("", "py")?));
    }
    if ids.is_empty() {
        txn.rollback().await?;
        return Ok(0);
    }
    for chunk in ids.chunks(500) {
        let sql =
            format!("UPDATE wall_change SET summed = 1 WHERE id IN ({})", places(1, chunk.len()));
        execute(&txn, &sql, chunk.iter().map(|id| id.clone().into()).collect()).await?;
    }
    for at in &plots {
        sum_plot(&txn, *at).await?;
    }
    let mut cells = plots;
    for z in FIRST + 1..=TOP {
        // An arithmetic shift is a division that rounds down, also below nothing.
        cells = cells.iter().map(|(x, y)| (x >> 1, y >> 1)).collect();
        for at in &cells {
            sum_cells(&txn, z, *at).await?;
        }
    }
    let old = now_ms() - KEEP_MS;
    execute(&txn, "DELETE FROM wall_change WHERE summed = 1 AND at_ms < $1", vec![old.into()])
        .await?;
    txn.commit().await?;
    Ok(ids.len())
}

const SUMS: &str = "CAST(COALESCE(SUM(count), 0) AS BIGINT) AS count, CAST(COALESCE(SUM(texts), 0) AS BIGINT) AS texts, CAST(COALESCE(SUM(images), 0) AS BIGINT) AS images, CAST(COALESCE(SUM(voices), 0) AS BIGINT) AS voices, CAST(COALESCE(SUM(videos), 0) AS BIGINT) AS videos, CAST(COALESCE(SUM(r), 0) AS BIGINT) AS r, CAST(COALESCE(SUM(g), 0) AS BIGINT) AS g, CAST(COALESCE(SUM(b), 0) AS BIGINT) AS b";

/// A plot from its works. Colours are sums; whoever shows them divides by the count.
async fn sum_plot(txn: &impl ConnectionTrait, (px, py): (i64, i64)) -> Result<(), DbErr> {
    let works = "SELECT 1 AS count, CASE kind WHEN 'text' THEN 1 ELSE 0 END AS texts, CASE kind WHEN 'image' THEN 1 ELSE 0 END AS images,
        CASE kind WHEN 'voice' THEN 1 ELSE 0 END AS voices, CASE kind WHEN 'video' THEN 1 ELSE 0 END AS videos,
        rgb / 65536 AS r, (rgb / 256) % 256 AS g, rgb % 256 AS b FROM work WHERE px = $1 AND py = $2 AND on_wall = 1";
    let best = "SELECT id, hot FROM work WHERE px = $1 AND py = $2 AND on_wall = 1 ORDER BY hot DESC LIMIT 1";
    let place = || vec![px.into(), py.into()];
    write(txn, FIRST, (px, py), &format!("SELECT {SUMS} FROM ({works}) t"), best, place()).await
}

/// A cell from its four cells of the level before.
async fn sum_cells(txn: &impl ConnectionTrait, z: u8, (cx, cy): (i64, i64)) -> Result<(), DbErr> {
    let of = "FROM cell_sum WHERE z = $3 AND cx IN ($1, $1 + 1) AND cy IN ($2, $2 + 1)";
    let best = format!("SELECT best AS id, best_hot AS hot {of} ORDER BY best_hot DESC LIMIT 1");
    let values = vec![(cx * 2).into(), (cy * 2).into(), i64::from(z - 1).into()];
    write(txn, z, (cx, cy), &format!("SELECT {SUMS} {of}"), &best, values).await
}

async fn write(
    txn: &impl ConnectionTrait,
    z: u8,
    (cx, cy): (i64, i64),
    sums: &str,
    best: &str,
    of: Vec<Value>,
) -> Result<(), DbErr> {
    let Some(row) = one(txn, sums, of.clone()).await? else { return Ok(()) };
    let place: Vec<Value> = vec![i64::from(z).into(), cx.into(), cy.into()];
    let count: i64 = row.try_get("", "count")?;
    if count == 0 {
        let sql = "DELETE FROM cell_sum WHERE z = $1 AND cx = $2 AND cy = $3";
        execute(txn, sql, place).await?;
        return Ok(());
    }
    let best = one(txn, best, of).await?;
    let mut values = place;
    values.push(count.into());
    for name in ["texts", "images", "voices", "videos", "r", "g", "b"] {
        values.push(row.try_get::<i64>("", name)?.into());
    }
    let (id, hot): (Option<String>, f64) = match best {
        Some(best) => (best.try_get("", "id")?, best.try_get("", "hot")?),
        None => (None, 0.0),
    };
    values.extend([id.into(), hot.into()]);
    let sql = "INSERT INTO cell_sum (z, cx, cy, count, texts, images, voices, videos, r, g, b, best, best_hot) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (z, cx, cy) DO UPDATE SET count = $4, texts = $5, images = $6, voices = $7, videos = $8, r = $9, g = $10, b = $11, best = $12, best_hot = $13";
    execute(txn, sql, values).await?;
    Ok(())
}
