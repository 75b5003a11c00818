//! Calls that providers send to oTo: told from forged, old and repeated ones by headers, raw bytes
//! and the time. Pure: the caller holds the keys, the clock and what was seen before.
//!
//! Schemes: standard-webhooks.com/spec, the signature sections of Stripe, ElevenLabs, OpenRouter
//! and fal, and Vast's "Notification Webhooks" guide. A sender that signs nothing (RunPod,
//! Shotstack, a Vast worker) only gives a hint: its truth is read again with the account's key.

mod fal;
mod seen;
mod stamped;
mod standard;
mod tag;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::header::HeaderMap;
use ring::digest::{SHA256, digest};
use secrecy::SecretString;
use serde_json::Value;

pub use seen::Seen;
pub use tag::{is_job_tag, job_tag};

/// Largest body that is read.
pub const MAX_BODY: usize = 4 << 20;
/// Most signatures in one call that are tried.
const MOST_SIGNATURES: usize = 16;

/// Who signs, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Standard Webhooks, as OpenAI and Replicate send them. Keys begin with `whsec_`, or with
    /// `whpk_` for public keys.
    Standard,
    /// Stripe. The key is the whole secret.
    Stripe,
    /// ElevenLabs. The key is the whole secret.
    ElevenLabs,
    /// OpenRouter. The key is the whole secret.
    OpenRouter,
    /// Notices about a Vast account. The key is the whole secret.
    VastAccount,
    /// fal. Keys are the public ones (`x`) of its published key set, in base64.
    Fal,
}

/// Why a call is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A header is missing.
    #[error("The call has no signature oTo knows. Check which provider sends to this address.")]
    Missing,
    /// No signature fits.
    #[error("The signature does not fit. Enter the signing secret that the provider shows now.")]
    BadSignature,
    /// Signed too long ago.
    #[error(
        "The call is too old. Set the clock of this computer, and let the provider send it again."
    )]
    TooOld,
    /// Signed in the future.
    #[error("The call comes from the future. Set the clock of this computer.")]
    TooNew,
    /// Header or body cannot be read.
    #[error("The call cannot be read. Check that nothing between the provider and oTo changes it.")]
    Malformed,
}

/// A call that is believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Remember all of them, with [`Seen`]: a call of which one was seen before is a repetition.
    /// One is the sender's own name for it, the same when it is sent once more; the other is made
    /// of what was signed where that name is not signed itself.
    pub replay_ids: Vec<String>,
    /// When it was signed, in milliseconds since 1970.
    pub sent_ms: i64,
    /// What it says.
    pub event: Value,
}

/// Tells whether a call is genuine and in time, and reads it. `keys` are all that are valid now,
/// such as the old and the new one while they change; those that cannot be read fit nothing.
///
/// # Errors
/// With the reason, which never holds a key.
pub fn verify(
    scheme: Scheme,
    headers: &HeaderMap,
    body: &[u8],
    keys: &[SecretString],
    now_ms: i64,
) -> Result<Verified, Rejection> {
    if body.len() > MAX_BODY {
        return Err(Rejection::Malformed);
    }
    match scheme {
        Scheme::Standard => standard::verify(headers, body, keys, now_ms),
        Scheme::Fal => fal::verify(headers, body, keys, now_ms),
        stamped => stamped::verify(stamped, headers, body, keys, now_ms),
    }
}

/// The one value of a header. Two of them could be read in two ways.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Rejection> {
    let mut all = headers.get_all(name).iter();
    let value = all.next().ok_or(Rejection::Missing)?;
    if all.next().is_some() {
        return Err(Rejection::Malformed);
    }
    let text = value.to_str().or(Err(Rejection::Malformed))?.trim();
    if text.is_empty() { Err(Rejection::Missing) } else { Ok(text) }
}

/// How far the signing may lie behind and ahead, in seconds.
struct Window {
    past_s: i64,
    ahead_s: Option<i64>,
}

const FIVE_MINUTES: Window = Window { past_s: 300, ahead_s: Some(300) };

/// Seconds since 1970 as digits, in milliseconds.
fn stamp_ms(text: &str) -> Result<i64, Rejection> {
    let digits = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = if digits {
        text.parse().or(Err(Rejection::Malformed))?
    } else {
        return Err(Rejection::Malformed);
    };
    Ok(seconds * 1_000)
}

fn in_time(sent_ms: i64, now_ms: i64, window: &Window) -> Result<(), Rejection> {
    let age_ms = now_ms.saturating_sub(sent_ms);
    if age_ms > window.past_s * 1_000 {
        return Err(Rejection::TooOld);
    }
    if window.ahead_s.is_some_and(|ahead| age_ms < -ahead * 1_000) {
        return Err(Rejection::TooNew);
    }
    Ok(())
}

/// The body as JSON. Only after the signature: nothing foreign is parsed.
fn event_of(body: &[u8]) -> Result<Value, Rejection> {
    serde_json::from_slice(body).or(Err(Rejection::Malformed))
}

/// Base64 in either alphabet, with padding or without.
fn base64(text: &str) -> Option<Vec<u8>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
    engine.decode(text.trim().replace('-', "+").replace('_', "/")).ok()
}

/// The bytes of a text of hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() > 512 || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let pair = |i: usize| {
        let digits = text.get(i..i + 2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u8::from_str_radix(digits, 16).ok()
    };
    (0..text.len()).step_by(2).map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text does not fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}
