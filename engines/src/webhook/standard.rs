//! Standard Webhooks (standard-webhooks.com/spec): `id.timestamp.body`, signed with HMAC-SHA256
//! (`v1`) or Ed25519 (`v1a`); several signatures while keys change, of which one must fit.

use reqwest::header::HeaderMap;
use ring::hmac;
use ring::signature::{ED25519, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretString};

use super::{
    FIVE_MINUTES, MOST_SIGNATURES, Rejection, Verified, base64, event_of, in_time, one, stamp_ms,
};

/// True when one key made this signature of that version.
fn fits(keys: &[SecretString], version: &str, signature: &[u8], signed: &[u8]) -> bool {
    keys.iter().map(|key| key.expose_secret().trim()).any(|key| match version {
        "v1" if !key.starts_with("whpk_") => {
            let Some(secret) = base64(key.strip_prefix("whsec_").unwrap_or(key)) else {
                return false;
            };
            // An empty secret would be anybody's.
            !secret.is_empty()
                && hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed, signature)
                    .is_ok()
        }
        "v1a" => key.strip_prefix("whpk_").and_then(base64).is_some_and(|public| {
            UnparsedPublicKey::new(&ED25519, public).verify(signed, signature).is_ok()
        }),
        _ => false,
    })
}

pub(super) fn verify(
    headers: &HeaderMap,
    body: &[u8],
    keys: &[SecretString],
    now_ms: i64,
) -> Result<Verified, Rejection> {
    let id = one(headers, "webhook-id")?;
    let stamp = one(headers, "webhook-timestamp")?;
    let signatures = one(headers, "webhook-signature")?;
    let sent_ms = stamp_ms(stamp)?;
    let mut signed = format!("{id}.{stamp}.").into_bytes();
    signed.extend_from_slice(body);
    let mut listed = signatures.split_ascii_whitespace().take(MOST_SIGNATURES);
    let good = listed.any(|entry| {
        let Some((version, text)) = entry.split_once(',') else { return false };
        base64(text).is_some_and(|signature| fits(keys, version, &signature, &signed))
    });
    if !good {
        return Err(Rejection::BadSignature);
    }
    in_time(sent_ms, now_ms, &FIVE_MINUTES)?;
    Ok(Verified { replay_ids: vec![format!("standard:{id}")], sent_ms, event: event_of(body)? })
}
