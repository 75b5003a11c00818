//! Records and journal bodies as bytes. Version 1: fields in a fixed order, integers little
//! endian, texts and lists with a u32 length before them. A new layout is a new version beside
//! this one; old rows stay readable.

mod bytes;
mod v1;

pub(crate) use bytes::DecodeError;
pub(crate) use v1::{Decode, Encode, decode, encode};

/// The version written now.
pub(crate) const CODEC_VERSION: i64 = 1;
