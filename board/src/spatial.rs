//! What may lie in a rectangle: a loose grid per size class. An item stands in one cell, that of
//! its middle, and reaches at most half an edge of its class beyond it, so a query grows its
//! rectangle by that much. Cells are sixteen edges wide: about 250 ordinary notes side by side.
//! Every item knows its place, so taking one out of a pile of a million is one swap.

use std::collections::HashMap;

use crate::geom::Rect;

/// Edge of a cell in edges of its class.
pub(crate) const CELL_EDGES: f64 = 16.0;

#[derive(Debug, Clone, Copy)]
struct Place {
    class: i16,
    cell: u32,
    index: u32,
}

const NOWHERE: Place = Place { class: i16::MIN, cell: 0, index: 0 };

#[derive(Debug, Clone)]
struct Cell {
    at: (i64, i64),
    slots: Vec<u32>,
}

/// All items of one size class.
#[derive(Debug, Clone)]
struct Class {
    class: i16,
    cells: Vec<Cell>,
    index: HashMap<(i64, i64), u32>,
    count: u32,
}

impl Class {
    /// Where the middles of a cell's items lie.
    fn area_of(&self, cell: &Cell) -> Rect {
        let span = edge_of(self.class) * CELL_EDGES;
        let min = [cell.at.0 as f64 * span, cell.at.1 as f64 * span];
        Rect { min, max: [min[0] + span, min[1] + span] }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Spatial {
    /// Ascending by size.
    classes: Vec<Class>,
    places: Vec<Place>,
}

fn class_of(rect: Rect) -> i16 {
    let [w, h] = rect.size();
    w.max(h).max(1.0).log2().ceil() as i16
}

fn edge_of(class: i16) -> f64 {
    f64::from(class).exp2()
}

fn cell_at(p: [f64; 2], class: i16) -> (i64, i64) {
    let span = edge_of(class) * CELL_EDGES;
    ((p[0] / span).floor() as i64, (p[1] / span).floor() as i64)
}

impl Spatial {
    fn class_mut(&mut self, class: i16) -> &mut Class {
        let at = match self.classes.binary_search_by_key(&class, |c| c.class) {
            Ok(at) => at,
            Err(at) => {
                let fresh = Class { class, cells: Vec::new(), index: HashMap::new(), count: 0 };
                self.classes.insert(at, fresh);
                at
            }
        };
        &mut self.classes[at]
    }

    pub(crate) fn insert(&mut self, slot: u32, rect: Rect) {
        let class = class_of(rect);
        let at = cell_at(rect.center(), class);
        let group = self.class_mut(class);
        let next = group.cells.len() as u32;
        let cell = *group.index.entry(at).or_insert(next);
        if cell == next {
            group.cells.push(Cell { at, slots: Vec::new() });
        }
        let slots = &mut group.cells[cell as usize].slots;
        let place = Place { class, cell, index: slots.len() as u32 };
        slots.push(slot);
        group.count += 1;
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, NOWHERE);
        }
        self.places[slot as usize] = place;
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let Some(place) = self.places.get(slot as usize).copied() else { return };
        if place.class == NOWHERE.class {
            return;
        }
        self.places[slot as usize] = NOWHERE;
        let group = self.class_mut(place.class);
        group.count -= 1;
        let slots = &mut group.cells[place.cell as usize].slots;
        slots.swap_remove(place.index as usize);
        if let Some(moved) = slots.get(place.index as usize).copied() {
            self.places[moved as usize].index = place.index;
        }
    }

    /// The item has other bounds now.
    pub(crate) fn update(&mut self, slot: u32, rect: Rect) {
        let class = class_of(rect);
        if let Some(place) = self.places.get(slot as usize).copied()
            && place.class == class
            && self.class_mut(class).cells[place.cell as usize].at == cell_at(rect.center(), class)
        {
            return;
        }
        self.remove(slot);
        self.insert(slot, rect);
    }

    /// How many items each size class holds, with its edge in units; ascending.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (f64, u32)> {
        self.classes.iter().map(|c| (edge_of(c.class), c.count))
    }

    /// A rectangle that holds everything, at most a cell too large on each side.
    pub(crate) fn reach(&self) -> Rect {
        self.cells().fold(Rect::EMPTY, |all, (cell, edge, _)| all.union(cell.grown(edge / 2.0)))
    }

    /// Hands over every cell in use: the rectangle its middles lie in, its class's edge, its slots.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (Rect, f64, &[u32])> {
        self.classes.iter().flat_map(|group| {
            let edge = edge_of(group.class);
            group
                .cells
                .iter()
                .filter(|c| !c.slots.is_empty())
                .map(move |cell| (group.area_of(cell), edge, cell.slots.as_slice()))
        })
    }

    /// True when the item stands where these bounds put it.
    pub(crate) fn stands_at(&self, slot: u32, rect: Rect) -> bool {
        let class = class_of(rect);
        let group = self.classes.iter().find(|c| c.class == class);
        match (self.places.get(slot as usize), group) {
            (Some(place), Some(group)) if place.class == class => {
                let cell = &group.cells[place.cell as usize];
                cell.at == cell_at(rect.center(), class)
                    && cell.slots.get(place.index as usize) == Some(&slot)
            }
            _ => false,
        }
    }

    /// Hands over, cell by cell, every slot whose bounds may touch `rect` and whose class is at
    /// least `least_edge` wide; the order is that of insertion, the larger classes last.
    pub(crate) fn visit(&self, rect: Rect, least_edge: f64, mut each: impl FnMut(&[u32])) {
        self.visit_cells(rect, least_edge, |_, slots| each(slots));
    }

    /// The same, with the rectangle in which the middles of a cell's items lie.
    pub(crate) fn visit_cells(
        &self,
        rect: Rect,
        least_edge: f64,
        mut each: impl FnMut(Rect, &[u32]),
    ) {
        for group in &self.classes {
            let edge = edge_of(group.class);
            if group.count == 0 || edge < least_edge {
                continue;
            }
            let area = rect.grown(edge / 2.0);
            let (low, high) = (cell_at(area.min, group.class), cell_at(area.max, group.class));
            let span = |a: i64, b: i64| i128::from(b) - i128::from(a) + 1;
            if span(low.0, high.0) * span(low.1, high.1) > group.cells.len() as i128 {
                let inside = |c: &&Cell| {
                    (low.0..=high.0).contains(&c.at.0) && (low.1..=high.1).contains(&c.at.1)
                };
                group.cells.iter().filter(inside).for_each(|c| each(group.area_of(c), &c.slots));
                continue;
            }
            for x in low.0..=high.0 {
                for y in low.1..=high.1 {
                    if let Some(cell) = group.index.get(&(x, y)) {
                        let cell = &group.cells[*cell as usize];
                        each(group.area_of(cell), &cell.slots);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rect() -> impl Strategy<Value = Rect> {
        (-5e4..5e4f64, -5e4..5e4f64, 1.0..9e3f64, 1.0..900f64)
            .prop_map(|(x, y, w, h)| Rect::from_center_size([x, y], [w, h]))
    }

    proptest! {
        #[test]
        fn nothing_is_missed_after_any_moves(
            first in proptest::collection::vec(rect(), 1..60),
            moves in proptest::collection::vec((0usize..60, proptest::option::of(rect())), 0..80),
            asked in rect(),
        ) {
            let mut index = Spatial::default();
            let mut truth: Vec<Option<Rect>> = first.iter().copied().map(Some).collect();
            for (slot, rect) in first.iter().enumerate() {
                index.insert(slot as u32, *rect);
            }
            for (slot, to) in moves {
                if slot >= truth.len() { continue }
                match (truth[slot], to) {
                    (Some(_), Some(to)) => index.update(slot as u32, to),
                    (Some(_), None) => index.remove(slot as u32),
                    (None, Some(to)) => index.insert(slot as u32, to),
                    (None, None) => {}
                }
                truth[slot] = to;
            }
            let mut found = Vec::new();
            index.visit(asked, 0.0, |slots| found.extend_from_slice(slots));
            found.sort_unstable();
            let unique = found.windows(2).all(|w| w[0] != w[1]);
            prop_assert!(unique);
            for (slot, rect) in truth.iter().enumerate() {
                if rect.is_some_and(|r| r.intersects(asked)) {
                    prop_assert!(found.contains(&(slot as u32)), "slot {slot} is missed");
                }
                if rect.is_none() {
                    prop_assert!(!found.contains(&(slot as u32)));
                }
            }
        }
    }
}
