//! Where the notes of a corpus lie and which strings tie them. Everything follows from the seed.

use clap::ValueEnum;

/// How a corpus is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    /// 200x200 notes on a pitch of 260, row by row in a square, strings to the right neighbour.
    Grid,
    /// Clusters of notes of many sizes with distinct texts and pictures on every tenth.
    Wall,
    /// Ten heaps, each a tenth of the notes deep.
    Piles,
    /// The grid with strings between any two notes.
    Hairball,
    /// The wall a billion units from the origin.
    Far,
}

/// Numbers from a seed (SplitMix64, Steele, Lea and Flood 2014).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Normal, mean 0 and deviation 1 (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let r = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        r * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// One note to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) center: [f64; 2],
    pub(super) size: [f64; 2],
}

/// Notes of a cluster of the wall.
const CLUSTER: usize = 24;

pub(super) fn spots(layout: Layout, n: usize, dice: &mut Dice) -> Vec<Spot> {
    match layout {
        Layout::Grid | Layout::Hairball => {
            let columns = (n as f64).sqrt().ceil().max(1.0) as usize;
            let at = |i: usize| [(i % columns) as f64 * 260.0, (i / columns) as f64 * 260.0];
            (0..n).map(|i| Spot { center: at(i), size: [200.0; 2] }).collect()
        }
        Layout::Piles => (0..n)
            .map(|i| {
                let pile = (i % 10) as f64;
                let jitter = |dice: &mut Dice| dice.normal() * 40.0;
                let center = [pile * 700.0 + jitter(dice), (i % 2) as f64 * 300.0 + jitter(dice)];
                Spot { center, size: [200.0; 2] }
            })
            .collect(),
        Layout::Wall => wall(n, [0.0; 2], dice),
        Layout::Far => wall(n, [1e9 + 0.25, -1e9 - 0.25], dice),
    }
}

fn wall(n: usize, origin: [f64; 2], dice: &mut Dice) -> Vec<Spot> {
    let clusters = n.div_ceil(CLUSTER).max(1);
    let columns = (clusters as f64).sqrt().ceil() as usize;
    let mut spots = Vec::with_capacity(n);
    for cluster in 0..clusters {
        let pitch = 1_900.0;
        let middle = [
            origin[0] + ((cluster % columns) as f64 + dice.unit() * 0.3) * pitch,
            origin[1] + ((cluster / columns) as f64 + dice.unit() * 0.3) * pitch,
        ];
        // Most clusters are tidy, some overlap, a few are heaps.
        let kind = dice.unit();
        let heap = kind < 0.05;
        let overlapping = kind < 0.17;
        for i in 0..CLUSTER.min(n - spots.len()) {
            let edge = (200.0 * (dice.normal() * 0.22).exp()).clamp(90.0, 640.0);
            let size = [edge, (edge * (0.85 + dice.unit() * 0.4)).clamp(90.0, 640.0)];
            let center = if heap {
                [middle[0] + dice.normal() * 30.0, middle[1] + dice.normal() * 30.0]
            } else if overlapping {
                [middle[0] + dice.normal() * 330.0, middle[1] + dice.normal() * 260.0]
            } else {
                [
                    middle[0] + (i % 5) as f64 * 310.0 - 620.0 + dice.normal() * 16.0,
                    middle[1] + (i / 5) as f64 * 300.0 - 600.0 + dice.normal() * 16.0,
                ]
            };
            spots.push(Spot { center, size });
        }
    }
    spots
}

/// The note at the other end of string `i`, which starts at note `i % n`.
pub(super) fn other_end(layout: Layout, i: usize, n: usize, dice: &mut Dice) -> usize {
    let from = i % n;
    match layout {
        Layout::Hairball => dice.below(n),
        Layout::Grid => {
            let columns = (n as f64).sqrt().ceil().max(1.0) as usize;
            // The last of a row has no right neighbour: it is tied to the one below.
            if (from + 1).is_multiple_of(columns) { from + columns } else { from + 1 }
        }
        Layout::Piles => (from + 10) % n.max(1),
        Layout::Wall | Layout::Far => match dice.unit() {
            near if near < 0.8 => {
                let first = from / CLUSTER * CLUSTER;
                let at = first + (from - first + 1 + dice.below(3)) % CLUSTER;
                at.min(n - 1)
            }
            medium if medium < 0.95 => (from + CLUSTER * (1 + dice.below(3)) + dice.below(9)) % n,
            _ => dice.below(n),
        },
    }
}

const WORDS: &[&str] = &[
    "paper", "string", "morning", "harbour", "violet", "sketch", "rain", "window", "clay",
    "lantern", "orchard", "signal", "velvet", "river", "copper", "evening", "garden", "ladder",
    "thunder", "meadow", "ink", "mirror", "cloud", "amber", "voice", "market", "winter", "thread",
    "island", "engine", "blossom", "shadow", "salt", "piano", "feather", "bridge", "ember",
    "marble", "tide", "wood", "comet", "honey", "linen", "storm", "needle", "valley", "glass",
    "moss", "chalk", "drum",
];

/// A text of 40 to 80 letters, as good as never the same twice.
pub(super) fn text(dice: &mut Dice) -> String {
    let length = 40 + dice.below(36);
    let mut text = String::with_capacity(88);
    while text.len() < length {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(WORDS[dice.below(WORDS.len())]);
    }
    text
}
