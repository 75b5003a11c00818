//! Which notes may lie in a rectangle: a grid per size class. A note stands in every cell of its
//! class that its (tilted) bounds touch, at most nine of them, because cells are at least as wide
//! as the notes in them.

use std::collections::HashMap;

use crate::geom::Rect;

#[derive(Debug, Clone, Default)]
pub(crate) struct Spatial {
    cells: HashMap<(i16, i64, i64), Vec<u32>>,
    /// How many notes each class holds, so that a query visits only classes in use.
    classes: Vec<(i16, u32)>,
}

fn class_of(rect: Rect) -> i16 {
    let [w, h] = rect.size();
    w.max(h).max(1.0).log2().ceil() as i16
}

fn cell_range(rect: Rect, class: i16) -> [i64; 4] {
    let edge = f64::from(class).exp2();
    let cell = |v: f64| (v / edge).floor() as i64;
    [cell(rect.min[0]), cell(rect.min[1]), cell(rect.max[0]), cell(rect.max[1])]
}

impl Spatial {
    pub(crate) fn insert(&mut self, slot: u32, rect: Rect) {
        let class = class_of(rect);
        let [x0, y0, x1, y1] = cell_range(rect, class);
        for x in x0..=x1 {
            for y in y0..=y1 {
                self.cells.entry((class, x, y)).or_default().push(slot);
            }
        }
        match self.classes.iter_mut().find(|(c, _)| *c == class) {
            Some((_, count)) => *count += 1,
            None => self.classes.push((class, 1)),
        }
    }

    pub(crate) fn remove(&mut self, slot: u32, rect: Rect) {
        let class = class_of(rect);
        let [x0, y0, x1, y1] = cell_range(rect, class);
        for x in x0..=x1 {
            for y in y0..=y1 {
                if let Some(list) = self.cells.get_mut(&(class, x, y)) {
                    list.retain(|s| *s != slot);
                    if list.is_empty() {
                        self.cells.remove(&(class, x, y));
                    }
                }
            }
        }
        if let Some((_, count)) = self.classes.iter_mut().find(|(c, _)| *c == class) {
            *count -= 1;
        }
        self.classes.retain(|(_, count)| *count > 0);
    }

    /// Slots whose bounds may touch `rect`, each once, ascending. `None` when a scan of all notes
    /// would be shorter than the walk over the cells.
    pub(crate) fn candidates(&self, rect: Rect, n_notes: usize) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let mut budget = n_notes as i128 + 64;
        for &(class, _) in &self.classes {
            let [x0, y0, x1, y1] = cell_range(rect, class);
            budget -= (i128::from(x1) - i128::from(x0) + 1) * (i128::from(y1) - i128::from(y0) + 1);
            if budget < 0 {
                return None;
            }
            for x in x0..=x1 {
                for y in y0..=y1 {
                    found.extend_from_slice(
                        self.cells.get(&(class, x, y)).map_or(&[], Vec::as_slice),
                    );
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        Some(found)
    }
}
