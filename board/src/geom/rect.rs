//! Axis-aligned rectangles.

/// A rectangle by its corners; empty when `min > max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Upper left.
    pub min: [f64; 2],
    /// Lower right.
    pub max: [f64; 2],
}

impl Rect {
    /// Contains nothing; the start of a union.
    pub const EMPTY: Self = Self { min: [f64::INFINITY; 2], max: [f64::NEG_INFINITY; 2] };

    /// From centre and size.
    #[must_use]
    pub fn from_center_size(center: [f64; 2], size: [f64; 2]) -> Self {
        let half = [size[0] / 2.0, size[1] / 2.0];
        Self {
            min: [center[0] - half[0], center[1] - half[1]],
            max: [center[0] + half[0], center[1] + half[1]],
        }
    }

    /// From two opposite corners in any order.
    #[must_use]
    pub fn from_corners(a: [f64; 2], b: [f64; 2]) -> Self {
        Self { min: [a[0].min(b[0]), a[1].min(b[1])], max: [a[0].max(b[0]), a[1].max(b[1])] }
    }

    /// Grown by `by` on every side.
    #[must_use]
    pub fn grown(self, by: f64) -> Self {
        Self {
            min: [self.min[0] - by, self.min[1] - by],
            max: [self.max[0] + by, self.max[1] + by],
        }
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            min: [self.min[0].min(other.min[0]), self.min[1].min(other.min[1])],
            max: [self.max[0].max(other.max[0]), self.max[1].max(other.max[1])],
        }
    }

    /// What both hold; empty when that is nothing.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self {
            min: [self.min[0].max(other.min[0]), self.min[1].max(other.min[1])],
            max: [self.max[0].min(other.max[0]), self.max[1].min(other.max[1])],
        }
    }

    /// True when they share a point.
    #[must_use]
    pub fn intersects(self, other: Self) -> bool {
        self.min[0] <= other.max[0]
            && other.min[0] <= self.max[0]
            && self.min[1] <= other.max[1]
            && other.min[1] <= self.max[1]
    }

    /// True when the point lies inside or on the edge.
    #[must_use]
    pub fn contains(self, p: [f64; 2]) -> bool {
        (self.min[0]..=self.max[0]).contains(&p[0]) && (self.min[1]..=self.max[1]).contains(&p[1])
    }

    /// Width and height, never negative.
    #[must_use]
    pub fn size(self) -> [f64; 2] {
        [(self.max[0] - self.min[0]).max(0.0), (self.max[1] - self.min[1]).max(0.0)]
    }

    /// Its middle.
    #[must_use]
    pub fn center(self) -> [f64; 2] {
        [(self.min[0] + self.max[0]) / 2.0, (self.min[1] + self.max[1]) / 2.0]
    }

    /// True when it holds no point.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.min[0] > self.max[0] || self.min[1] > self.max[1]
    }
}
