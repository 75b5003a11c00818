//! The thread of making across people: what a work was made from and what was made from it.

use std::collections::{HashMap, HashSet};

use oto_api_types::{Lineage, LineageEdge, LineageNode};
use sea_orm::{ConnectionTrait, DbErr};

use super::{COLUMNS, WorkRow, kind_of_word};
use crate::auth::Me;
use crate::db::{all, places};

/// Most steps in each direction.
pub(crate) const DEEPEST: u32 = 8;
/// Most works of an answer.
const MOST: usize = 500;

/// Works around one, as far as the caller may see them. A private one keeps its place and tells
/// nothing; past a work that hides its sources nothing is told.
pub(crate) async fn lineage(
    db: &impl ConnectionTrait,
    start: &WorkRow,
    me: Option<&Me>,
    depth: u32,
) -> Result<Lineage, DbErr> {
    let mut rows: HashMap<String, WorkRow> = HashMap::from([(start.id.clone(), start.clone())]);
    let mut order = vec![start.id.clone()];
    let mut edges: Vec<(String, String)> = Vec::new();
    for up in [true, false] {
        let mut front = vec![start.id.clone()];
        for _ in 0..depth.min(DEEPEST) {
            let open: Vec<String> = front
                .iter()
                .filter(|id| rows.get(*id).is_some_and(|r| !up || tells_sources(r, me)))
                .cloned()
                .collect();
            if open.is_empty() || order.len() >= MOST {
                break;
            }
            let (from, to) = if up { ("work", "source") } else { ("source", "work") };
            let sql = format!(
                "SELECT work, source FROM work_source WHERE {from} IN ({}) ORDER BY {to} LIMIT {MOST}",
                places(1, open.len())
            );
            let values = open.iter().map(|id| id.clone().into()).collect();
            let mut next = Vec::new();
            let mut pairs = Vec::new();
            for row in all(db, &sql, values).await? {
                let pair: (String, String) = (row.try_get("", "source")?, row.try_get("", "work")?);
                let other = if up { &pair.0 } else { &pair.1 };
                if !rows.contains_key(other) && !next.contains(other) {
                    next.push(other.clone());
                }
                pairs.push(pair);
            }
            load(db, &next, &mut rows).await?;
            // What was made in secret from this is nobody's business.
            let is_told = |(source, work): &(String, String)| {
                rows.contains_key(source)
                    && rows.get(work).is_some_and(|r| up || tells_sources(r, me))
            };
            edges.extend(pairs.into_iter().filter(is_told));
            next.retain(|id| rows.contains_key(id));
            if !up {
                next.retain(|id| edges.iter().any(|(_, work)| work == id));
            }
            order.extend(next.iter().cloned());
            front = next;
        }
    }
    order.truncate(MOST);
    let shown: HashSet<&String> = order.iter().collect();
    let edges = edges.iter().filter(|(a, b)| shown.contains(a) && shown.contains(b));
    let mut edges: Vec<LineageEdge> =
        edges.map(|(from, to)| LineageEdge { from: from.clone(), to: to.clone() }).collect();
    edges.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    edges.dedup();
    Ok(Lineage {
        nodes: order.iter().filter_map(|id| Some(node(rows.get(id)?, me))).collect(),
        edges,
    })
}

fn tells_sources(row: &WorkRow, me: Option<&Me>) -> bool {
    row.is_seen_by(me) && (row.shows_sources || me.is_some_and(|m| m.account == row.author.id))
}

fn node(row: &WorkRow, me: Option<&Me>) -> LineageNode {
    let is_seen = row.is_seen_by(me);
    LineageNode {
        id: row.id.clone(),
        kind: kind_of_word(&row.kind),
        title: if is_seen { row.title.clone() } else { String::new() },
        author: is_seen.then(|| row.author.clone()),
        at: row.at.filter(|_| row.is_on_wall),
    }
}

async fn load(
    db: &impl ConnectionTrait,
    ids: &[String],
    rows: &mut HashMap<String, WorkRow>,
) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM work w JOIN account a ON a.id = w.author WHERE w.id IN ({})",
        places(1, ids.len())
    );
    for row in all(db, &sql, ids.iter().map(|id| id.clone().into()).collect()).await? {
        let row = WorkRow::read(&row)?;
        rows.insert(row.id.clone(), row);
    }
    Ok(())
}
