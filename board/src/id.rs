//! Ids of records as newtypes. They are minted by the caller (UUIDv7 in the app) and never again:
//! undo brings a record back under the id it had.

use std::fmt;
use std::str::FromStr;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an id: expected {expected} hexadecimal digits")]
pub struct ParseIdError {
    expected: usize,
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    let error = ParseIdError { expected: N * 2 };
    let mut bytes = [0u8; N];
    let mut digits = text.bytes().filter(|b| *b != b'-');
    for byte in &mut bytes {
        let mut nibble = || {
            let digit = digits.next()?;
            (digit as char).to_digit(16)
        };
        let (Some(high), Some(low)) = (nibble(), nibble()) else { return Err(error) };
        *byte = (high * 16 + low) as u8;
    }
    if digits.next().is_some() { Err(error) } else { Ok(bytes) }
}

macro_rules! uuid_like {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            /// The hyphenated UUID form, lower case.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let h = format!("{:032x}", self.0);
                write!(f, "{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Ok(Self(u128::from_be_bytes(parse_hex::<16>(text)?)))
            }
        }
    )+};
}

uuid_like!(
    /// Names a note for ever.
    NoteId,
    /// Names a twine for ever.
    TwineId,
    /// Names a run for ever.
    RunId,
    /// Names one undoable step; several transactions may share it.
    StepId,
    /// Names a job at a home; it is also the idempotency key of its submission.
    JobId,
);

/// BLAKE3 of an asset's bytes: media is named by its content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetId(pub [u8; 32]);

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}
impl fmt::Debug for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssetId({self})")
    }
}
impl FromStr for AssetId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex::<32>(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text_form() {
        let id = NoteId(0x0192_aabb_ccdd_7eef_8123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "0192aabb-ccdd-7eef-8123-456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
        let asset = AssetId([7; 32]);
        assert_eq!(asset.to_string().parse(), Ok(asset));
        assert!("0192".parse::<NoteId>().is_err());
        assert!("é192aabb-ccdd-7eef-8123-456789abcdef".parse::<NoteId>().is_err());
    }
}
