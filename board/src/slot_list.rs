//! A short list of slots without a heap allocation: most notes have few strings.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlotList {
    Few { len: u8, slots: [u32; 3] },
    Many(Vec<u32>),
}

impl Default for SlotList {
    fn default() -> Self {
        Self::Few { len: 0, slots: [0; 3] }
    }
}

impl SlotList {
    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::Few { len, slots } => &slots[..usize::from(*len)],
            Self::Many(slots) => slots,
        }
    }

    pub(crate) fn push(&mut self, slot: u32) {
        match self {
            Self::Few { len, slots } if usize::from(*len) < slots.len() => {
                slots[usize::from(*len)] = slot;
                *len += 1;
            }
            Self::Few { slots, .. } => {
                let mut many = slots.to_vec();
                many.push(slot);
                *self = Self::Many(many);
            }
            Self::Many(slots) => slots.push(slot),
        }
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        match self {
            Self::Few { len, slots } => {
                if let Some(at) = slots[..usize::from(*len)].iter().position(|s| *s == slot) {
                    slots[at..usize::from(*len)].rotate_left(1);
                    *len -= 1;
                }
            }
            Self::Many(slots) => slots.retain(|s| *s != slot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_at_any_length() {
        let mut list = SlotList::default();
        (0..9).for_each(|slot| list.push(slot));
        assert_eq!(list.as_slice(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        list.remove(3);
        assert_eq!(list.as_slice(), [0, 1, 2, 4, 5, 6, 7, 8]);
        let mut few = SlotList::default();
        (0..3).for_each(|slot| few.push(slot));
        few.remove(1);
        few.remove(9);
        assert_eq!(few.as_slice(), [0, 2]);
        assert!(size_of::<SlotList>() <= 24);
    }
}
