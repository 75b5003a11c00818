//! HMAC-SHA256 in hexadecimal digits over a time and the body: Stripe, ElevenLabs, OpenRouter and
//! notices about a Vast account differ in where they write what.

use reqwest::header::HeaderMap;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::{
    FIVE_MINUTES, MOST_SIGNATURES, Rejection, Scheme, Verified, Window, event_of, in_time, one,
    sha256_hex, stamp_ms, unhex,
};

/// Time and signatures as they stand in the headers.
struct Stamped<'a> {
    stamp: &'a str,
    signatures: Vec<&'a str>,
}

/// `t=1700000000,v1=aa,v1=bb`; other parts are left alone.
fn listed<'a>(header: &'a str, version: &str) -> Result<Stamped<'a>, Rejection> {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let mut stamps = parts().filter(|(name, _)| *name == "t").map(|(_, value)| value);
    let stamp = stamps.next().ok_or(Rejection::Malformed)?;
    if stamps.next().is_some() {
        return Err(Rejection::Malformed);
    }
    let signatures: Vec<&str> = parts()
        .filter(|(name, _)| *name == version)
        .map(|(_, value)| value)
        .take(MOST_SIGNATURES)
        .collect();
    if signatures.is_empty() { Err(Rejection::Missing) } else { Ok(Stamped { stamp, signatures }) }
}

fn stamped(scheme: Scheme, headers: &HeaderMap) -> Result<Stamped<'_>, Rejection> {
    match scheme {
        Scheme::ElevenLabs => listed(one(headers, "elevenlabs-signature")?, "v0"),
        Scheme::OpenRouter => listed(one(headers, "x-openrouter-signature")?, "v1"),
        Scheme::VastAccount => {
            let text = one(headers, "x-vast-signature-256")?;
            let signature = text.strip_prefix("sha256=").ok_or(Rejection::Malformed)?;
            Ok(Stamped { stamp: one(headers, "x-vast-timestamp")?, signatures: vec![signature] })
        }
        _ => listed(one(headers, "stripe-signature")?, "v1"),
    }
}

pub(super) fn verify(
    scheme: Scheme,
    headers: &HeaderMap,
    body: &[u8],
    keys: &[SecretString],
    now_ms: i64,
) -> Result<Verified, Rejection> {
    let Stamped { stamp, signatures } = stamped(scheme, headers)?;
    let sent_ms = stamp_ms(stamp)?;
    let mut signed = stamp.as_bytes().to_vec();
    signed.push(if scheme == Scheme::OpenRouter { b',' } else { b'.' });
    signed.extend_from_slice(body);
    let fits = |signature: &[u8]| {
        keys.iter().map(|key| key.expose_secret().trim()).filter(|key| !key.is_empty()).any(|key| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            hmac::verify(&key, &signed, signature).is_ok()
        })
    };
    if !signatures.iter().filter_map(|text| unhex(text)).any(|signature| fits(&signature)) {
        return Err(Rejection::BadSignature);
    }
    let window = match scheme {
        Scheme::Stripe => Window { past_s: 300, ahead_s: None },
        Scheme::ElevenLabs => Window { past_s: 1_800, ahead_s: None },
        _ => FIVE_MINUTES,
    };
    in_time(sent_ms, now_ms, &window)?;
    let event = event_of(body)?;
    // A name in a header is not signed: somebody could send the same words under another one.
    let mut replay_ids = vec![format!("{scheme:?}#{}", sha256_hex(&signed))];
    let name = match scheme {
        Scheme::Stripe => event["id"].as_str(),
        Scheme::VastAccount => {
            event["event_id"].as_str().or_else(|| one(headers, "x-vast-event-id").ok())
        }
        Scheme::OpenRouter => one(headers, "x-openrouter-idempotency-key").ok(),
        _ => None,
    };
    replay_ids.extend(name.map(|name| format!("{scheme:?}:{name}")));
    Ok(Verified { replay_ids, sent_ms, event })
}
