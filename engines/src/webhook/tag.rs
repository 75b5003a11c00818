//! A tag for calls of senders that sign nothing: it rides in the address or the parameters that
//! oTo gave for one job, and only this server can make it.

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use super::{hex, unhex};

fn key_of(server_key: &SecretString) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, server_key.expose_secret().as_bytes())
}

/// The tag of a job, in hexadecimal digits.
#[must_use]
pub fn job_tag(server_key: &SecretString, job_id: &str) -> String {
    hex(hmac::sign(&key_of(server_key), job_id.as_bytes()).as_ref())
}

/// True when the tag is that of the job; takes the same time for every wrong one. What such a call
/// says is still only a hint.
#[must_use]
pub fn is_job_tag(server_key: &SecretString, job_id: &str, tag: &str) -> bool {
    // Without a key anybody could make tags.
    !server_key.expose_secret().is_empty()
        && unhex(tag.trim())
            .is_some_and(|tag| hmac::verify(&key_of(server_key), job_id.as_bytes(), &tag).is_ok())
}
