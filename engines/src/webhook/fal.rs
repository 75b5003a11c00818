//! fal (docs.fal.ai, "Webhooks"): Ed25519 over request, account, time and the hash of the body,
//! one in a line. The caller fetches and keeps fal's published keys.

use reqwest::header::HeaderMap;
use ring::signature::{ED25519, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretString};

use super::{
    FIVE_MINUTES, Rejection, Verified, base64, event_of, in_time, one, sha256_hex, stamp_ms, unhex,
};

pub(super) fn verify(
    headers: &HeaderMap,
    body: &[u8],
    keys: &[SecretString],
    now_ms: i64,
) -> Result<Verified, Rejection> {
    let request = one(headers, "x-fal-webhook-request-id")?;
    let account = one(headers, "x-fal-webhook-user-id")?;
    let stamp = one(headers, "x-fal-webhook-timestamp")?;
    let signature = one(headers, "x-fal-webhook-signature")?;
    let sent_ms = stamp_ms(stamp)?;
    let signature = unhex(signature).ok_or(Rejection::Malformed)?;
    let signed = format!("{request}\n{account}\n{stamp}\n{}", sha256_hex(body));
    let good = keys.iter().filter_map(|key| base64(key.expose_secret())).any(|public| {
        UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &signature).is_ok()
    });
    if !good {
        return Err(Rejection::BadSignature);
    }
    in_time(sent_ms, now_ms, &FIVE_MINUTES)?;
    Ok(Verified { replay_ids: vec![format!("fal:{request}")], sent_ms, event: event_of(body)? })
}
