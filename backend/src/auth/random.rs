//! Secrets: made of the system's randomness, kept only as hashes, compared in constant time.

use rand::TryRng;

use crate::BackendError;

fn bytes<const N: usize>() -> Result<[u8; N], BackendError> {
    let mut bytes = [0u8; N];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(|e| BackendError::Io {
        what: "asking the system for randomness",
        source: std::io::Error::other(e.to_string()),
    })?;
    Ok(bytes)
}

/// 256 random bits as 64 hexadecimal digits.
pub(crate) fn secret() -> Result<String, BackendError> {
    Ok(blake3::Hash::from_bytes(bytes()?).to_hex().to_string())
}

/// 128 random bits as 32 hexadecimal digits, for addresses that cannot be guessed.
pub(crate) fn slug() -> Result<String, BackendError> {
    Ok(secret()?[..32].to_owned())
}

/// Eight consonants that cannot be mistaken for each other (RFC 8628, 6.1), as `BCDF-GHJK`.
pub(crate) fn user_code() -> Result<String, BackendError> {
    const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    let mut code = String::with_capacity(9);
    // 240 is the largest multiple of 20: what is above would favour some letters.
    while code.len() < 9 {
        for byte in bytes::<16>()?.into_iter().filter(|b| *b < 240) {
            if code.len() == 4 {
                code.push('-');
            }
            if code.len() < 9 {
                code.push(char::from(LETTERS[usize::from(byte % 20)]));
            }
        }
    }
    Ok(code)
}

/// What is kept of a secret that was made here: it has 256 bits, so one plain hash is enough.
pub(crate) fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Compares in a time that does not depend on where the texts differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_consonants_with_a_hyphen() {
        for _ in 0..200 {
            let code = super::user_code().unwrap();
            assert_eq!((code.len(), &code[4..5]), (9, "-"));
            assert!(code.chars().all(|c| "BCDFGHJKLMNPQRSTVWXZ-".contains(c)));
        }
        assert_ne!(super::secret().unwrap(), super::secret().unwrap());
        assert_eq!(super::slug().unwrap().len(), 32);
    }
}
