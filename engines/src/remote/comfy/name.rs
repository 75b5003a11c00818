//! The name of a prompt. ComfyUI takes one from us, as a UUID in lower case with hyphens
//! (`post_prompt` in ComfyUI's server.py), so that a submission is found again after a crash.

use ring::digest::{SHA256, digest};

/// The name of this submission: always the same for the same one, never the same for two.
///
/// The first try of a job goes by the job's own UUID. Further tries need names of their own:
/// under the old one the server would tell how the try before them ended.
pub(super) fn of_submission(submission_id: &str) -> String {
    if let Some((uuid, rest)) = submission_id.split_at_checked(36)
        && is_uuid(uuid)
        && matches!(rest, "" | "-1")
    {
        return uuid.to_ascii_lowercase();
    }
    let mut hex = short_hash(submission_id.as_bytes(), 16);
    // Version 8 and the usual variant: a UUID of our own making (RFC 9562, section 5.8).
    hex.replace_range(12..13, "8");
    hex.replace_range(16..17, "a");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

/// The first bytes of a hash, as hexadecimal digits.
pub(super) fn short_hash(bytes: &[u8], length: usize) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().iter().take(length).map(|b| format!("{b:02x}")).collect()
}

fn is_uuid(text: &str) -> bool {
    text.char_indices().all(|(i, c)| match i {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_submission_has_one_name() {
        let uuid = "0192AABB-0000-7000-8000-000000000001";
        assert_eq!(of_submission(&format!("{uuid}-1")), uuid.to_lowercase());
        assert_eq!(of_submission(uuid), uuid.to_lowercase());
        for other in [&format!("{uuid}-2"), "", "job 7", &"é".repeat(40)] {
            let name = of_submission(other);
            assert!(name.len() == 36 && is_uuid(&name), "{other}: {name}");
            assert_eq!(name, of_submission(other));
            assert_ne!(name, uuid.to_lowercase());
        }
    }
}
