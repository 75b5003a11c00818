//! Hashing of ids. An id is 128 bits that are mostly random already, so one folded multiplication
//! does; it is keyed once per process, so that a file cannot be made whose ids all collide.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

/// A map from ids.
pub(crate) type IdMap<K, V> = HashMap<K, V, IdState>;

#[derive(Debug, Clone, Copy)]
pub(crate) struct IdState([u64; 2]);

impl Default for IdState {
    fn default() -> Self {
        static KEYS: OnceLock<[u64; 2]> = OnceLock::new();
        Self(*KEYS.get_or_init(|| {
            let random = RandomState::new();
            [random.hash_one(1u8), random.hash_one(2u8) | 1]
        }))
    }
}

impl BuildHasher for IdState {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher { keys: self.0, state: 0 }
    }
}

pub(crate) struct IdHasher {
    keys: [u64; 2],
    state: u64,
}

impl IdHasher {
    fn fold(&mut self, a: u64, b: u64) {
        let wide = u128::from(a ^ self.keys[0]) * u128::from(b ^ self.keys[1]);
        self.state = self.state.rotate_left(29) ^ wide as u64 ^ (wide >> 64) as u64;
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(16) {
            let mut whole = [0; 16];
            whole[..chunk.len()].copy_from_slice(chunk);
            self.write_u128(u128::from_le_bytes(whole));
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.fold(value as u64, (value >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        // A key with many factors of two leaves patterns in the product; this breaks them up
        // (two rounds of the finalizer of MurmurHash3).
        let mut h = self.state;
        h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        h ^ (h >> 33)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_in_a_row_spread_over_high_and_low_bits() {
        // Whatever the keys of a process are, bad ones too.
        let mut dice = 1u64;
        let mut next = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            dice ^ (dice >> 29)
        };
        let mut keys: Vec<[u64; 2]> = (0..300).map(|_| [next(), next() | 1]).collect();
        keys.extend([[0, 1], [7 ^ (1 << 63), 1], [7 ^ (1 << 32), 3]]);
        for key in keys {
            let state = IdState(key);
            let hashes: Vec<u64> = (0..4_096u128).map(|i| state.hash_one(i << 64 | 7)).collect();
            for shift in [0, 57] {
                let seen: HashSet<u64> = hashes.iter().map(|h| (h >> shift) & 127).collect();
                assert!(seen.len() > 120, "{} of 128 with {key:?}", seen.len());
            }
        }
    }
}
