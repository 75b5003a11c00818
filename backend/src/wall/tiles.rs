//! What a tile shows. Near ones have works with their words and strings, those of the middle works
//! alone, a fair number of each plot, and far ones the sums of cells.

use std::collections::HashMap;

use oto_api_types::{Tile, TileCell, TileItem, TileSource, WallExtent};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

use super::plots::PLOT;
use super::sums::FIRST;
use crate::db::{all, one, value};
use crate::works::kind_of_word;

/// Side of a tile of level 0.
pub(crate) const NEAR_SIDE: f64 = 1_024.0;
/// Farthest level.
pub(crate) const TOP: u8 = 20;
/// Last level that shows words and strings.
const NEAR: u8 = 2;
/// Most works of a tile.
const MOST: i64 = 256;
/// First words of a text.
const WORDS: usize = 280;
/// No plot is farther from the middle: 2^20 plots along each side are a million million people.
const FARTHEST: i64 = 1 << 31;

/// Whether there can be such a tile.
pub(crate) fn exists(z: u8, x: i64, y: i64) -> bool {
    let range = -FARTHEST..FARTHEST;
    z <= TOP && range.contains(&x) && range.contains(&y)
}

/// The tile of a level that has a tile of level 0 in it.
pub(crate) fn ancestor(z: u8, x: i64, y: i64) -> (i64, i64) {
    (x >> z, y >> z)
}

/// What a tile shows now.
pub(crate) async fn tile(db: &impl ConnectionTrait, z: u8, x: i64, y: i64) -> Result<Tile, DbErr> {
    let mut tile = Tile { z, x, y, ..Tile::default() };
    if z >= FIRST {
        tile.cells = cells(db, z, x, y).await?;
        return Ok(tile);
    }
    let side = NEAR_SIDE * f64::from(1u32 << z);
    let [left, top] = [x as f64 * side, y as f64 * side];
    let plot = |v: f64| (v / PLOT).floor() as i64;
    // The last plot that the tile touches, not the one that begins at its edge.
    let last = |v: f64| plot(v + side - 1.0);
    let mut values: Vec<Value> =
        [plot(left), last(left), plot(top), last(top)].map(Into::into).to_vec();
    let columns =
        "w.id, w.x, w.y, w.w, w.h, w.kind, w.title, w.text, w.poster, w.likes, w.version, a.handle";
    let within = "w.px BETWEEN $1 AND $2 AND w.py BETWEEN $3 AND $4 AND w.on_wall = 1";
    let sql = if z <= 3 {
        values.extend([left, left + side, top, top + side].map(Value::from));
        format!(
            "SELECT {columns} FROM work w JOIN account a ON a.id = w.author WHERE {within} AND w.x >= $5 AND w.x < $6 AND w.y >= $7 AND w.y < $8
             ORDER BY w.hot DESC LIMIT {MOST}"
        )
    } else {
        // As many of each plot, so that one person does not hide the others.
        let each = (MOST >> (2 * (z - 3))).max(1);
        format!(
            "SELECT {columns} FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY px, py ORDER BY hot DESC) AS place FROM work w WHERE {within}) w
             JOIN account a ON a.id = w.author WHERE w.place <= {each} ORDER BY w.hot DESC LIMIT {MOST}"
        )
    };
    for row in all(db, &sql, values.clone()).await? {
        tile.items.push(item(&row, z)?);
    }
    // Only a full tile can leave something out.
    if tile.items.len() as i64 == MOST || z > 3 {
        let counted = if z <= 3 {
            format!(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM work w WHERE {within} AND w.x >= $5 AND w.x < $6 AND w.y >= $7 AND w.y < $8"
            )
        } else {
            format!(
                "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM cell_sum WHERE z = {FIRST} AND cx BETWEEN $1 AND $2 AND cy BETWEEN $3 AND $4"
            )
        };
        let n: i64 = value(db, &counted, values.clone()).await?.unwrap_or(0);
        tile.more = (n - tile.items.len() as i64).max(0);
    }
    if z <= NEAR && !tile.items.is_empty() {
        strings(db, &mut tile, values).await?;
    }
    Ok(tile)
}

fn item(row: &QueryResult, z: u8) -> Result<TileItem, DbErr> {
    let near = z <= NEAR;
    let text: String = row.try_get("", "text")?;
    Ok(TileItem {
        id: row.try_get("", "id")?,
        x: row.try_get("", "x")?,
        y: row.try_get("", "y")?,
        w: row.try_get("", "w")?,
        h: row.try_get("", "h")?,
        kind: kind_of_word(&row.try_get::<String>("", "kind")?),
        title: if near { row.try_get("", "title")? } else { String::new() },
        words: if near { text.chars().take(WORDS).collect() } else { String::new() },
        author: if near { row.try_get("", "handle")? } else { String::new() },
        poster: row.try_get("", "poster")?,
        likes: if near { row.try_get("", "likes")? } else { 0 },
        version: row.try_get("", "version")?,
        sources: Vec::new(),
    })
}

/// Strings to works that hang, of works whose authors show what they are made from.
async fn strings(
    db: &impl ConnectionTrait,
    tile: &mut Tile,
    values: Vec<Value>,
) -> Result<(), DbErr> {
    let sql = "SELECT ws.work, s.id, s.x, s.y FROM work w JOIN work_source ws ON ws.work = w.id JOIN work s ON s.id = ws.source AND s.on_wall = 1
        WHERE w.px BETWEEN $1 AND $2 AND w.py BETWEEN $3 AND $4 AND w.on_wall = 1 AND w.shows_sources = 1 AND w.x >= $5 AND w.x < $6 AND w.y >= $7 AND w.y < $8
        ORDER BY ws.work, s.id LIMIT 2000";
    let mut found: HashMap<String, Vec<TileSource>> = HashMap::new();
    for row in all(db, sql, values).await? {
        let source = TileSource {
            id: row.try_get("", "id")?,
            x: row.try_get("", "x")?,
            y: row.try_get("", "y")?,
        };
        found.entry(row.try_get("", "work")?).or_default().push(source);
    }
    for item in &mut tile.items {
        item.sources = found.remove(&item.id).unwrap_or_default();
    }
    Ok(())
}

async fn cells(db: &impl ConnectionTrait, z: u8, x: i64, y: i64) -> Result<Vec<TileCell>, DbErr> {
    let (left, top) = (x * 16, y * 16);
    let sql = "SELECT cx, cy, count, texts, images, voices, videos, r, g, b, best FROM cell_sum WHERE z = $1 AND cx BETWEEN $2 AND $3 AND cy BETWEEN $4 AND $5 ORDER BY cy, cx";
    let values =
        vec![i64::from(z).into(), left.into(), (left + 15).into(), top.into(), (top + 15).into()];
    let mut found = Vec::new();
    for row in all(db, sql, values).await? {
        let number = |name: &str| row.try_get::<i64>("", name);
        let count = number("count")?.max(1);
        let part = |sum: i64| u32::try_from((sum / count).clamp(0, 255)).unwrap_or(0);
        found.push(TileCell {
            cx: u8::try_from(number("cx")? - left).unwrap_or(0),
            cy: u8::try_from(number("cy")? - top).unwrap_or(0),
            count,
            kinds: [number("texts")?, number("images")?, number("voices")?, number("videos")?],
            rgb: part(number("r")?) << 16 | part(number("g")?) << 8 | part(number("b")?),
            best: row.try_get("", "best")?,
        });
    }
    Ok(found)
}

/// How far the wall goes.
pub(crate) async fn extent(db: &impl ConnectionTrait) -> Result<WallExtent, DbErr> {
    let plots: i64 =
        value(db, "SELECT value FROM counter WHERE name = 'plot'", vec![]).await?.unwrap_or(0);
    // The spiral fills square after square.
    let ring = (0..).find(|r: &i64| (2 * r + 1).pow(2) >= plots).unwrap_or(0) as f64;
    let sql = "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) AS n FROM cell_sum WHERE z = $1";
    let row = one(db, sql, vec![i64::from(TOP).into()]).await?;
    let works = row.map_or(Ok(0), |r| r.try_get("", "n"))?;
    let (near, far) = (-ring * PLOT, (ring + 1.0) * PLOT);
    Ok(WallExtent { left: near, top: near, right: far, bottom: far, plots, works })
}
