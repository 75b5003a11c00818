//! Secrets at rest: sealed with ChaCha20-Poly1305 under one master key, which is not in the database.
//! Whoever has a copy of the database alone has none of them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretString};

use crate::BackendError;
use crate::auth::random;
use crate::config::ConfigError;

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Seal(std::sync::Arc<Keys>);

struct Keys {
    seals: LessSafeKey,
    names: [u8; 32],
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

fn wrong(sentence: &str) -> BackendError {
    ConfigError(vec![sentence.to_owned()]).into()
}

impl Seal {
    /// The master key that was given as 64 hexadecimal digits, else the one in the data folder, which
    /// is made at the first start.
    pub(crate) fn open(
        given: Option<&SecretString>,
        data_dir: &Path,
    ) -> Result<Self, BackendError> {
        let text = match given {
            Some(text) => text.expose_secret().to_owned(),
            None => of_folder(data_dir)?,
        };
        let key = blake3::Hash::from_hex(text.trim())
            .ok()
            .ok_or_else(|| wrong("OTO_MASTER_KEY: it has 64 hexadecimal digits"))?;
        let names = blake3::derive_key("oTo 2026-11-29 addresses nobody can guess", key.as_bytes());
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes())
            .ok()
            .ok_or_else(|| wrong("OTO_MASTER_KEY: it cannot be used"))?;
        Ok(Self(std::sync::Arc::new(Keys { seals: LessSafeKey::new(key), names })))
    }

    /// A word for a part of an address that nobody else can guess; the same at every start.
    pub(crate) fn token(&self, what: &str) -> String {
        blake3::keyed_hash(&self.0.names, what.as_bytes()).to_hex()[..40].to_owned()
    }

    /// Sealed for a purpose: for another one it does not open.
    pub(crate) fn seal(&self, purpose: &str, secret: &[u8]) -> Result<String, BackendError> {
        let mut nonce = [0u8; NONCE_LEN];
        rand::rngs::SysRng.try_fill_bytes(&mut nonce).map_err(|e| BackendError::Io {
            what: "asking the system for randomness",
            source: std::io::Error::other(e.to_string()),
        })?;
        let mut sealed = secret.to_vec();
        self.0
            .seals
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut sealed,
            )
            .ok()
            .ok_or_else(|| wrong("a secret could not be sealed"))?;
        Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// What was sealed for this purpose with this master key.
    pub(crate) fn unseal(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN)?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened =
            self.0.seals.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut rest).ok()?;
        Some(opened.to_vec())
    }
}

fn of_folder(data_dir: &Path) -> Result<String, BackendError> {
    let path = data_dir.join("master.key");
    match std::fs::read_to_string(&path) {
        Ok(text) => return Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(BackendError::Io { what: "reading master.key", source: e }),
    }
    let text = random::secret()?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(mut file) => {
            use std::io::Write;
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(BackendError::io("writing master.key"))?;
            Ok(text)
        }
        // Another server of this folder was first.
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::read_to_string(&path).map_err(BackendError::io("reading master.key"))
        }
        Err(e) => Err(BackendError::Io { what: "making master.key", source: e }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_purpose_with_its_key_alone() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let seal = Seal::open(None, a.path()).unwrap();
        let sealed = seal.seal("totp", b"a secret").unwrap();
        assert_eq!(
            Seal::open(None, a.path()).unwrap().unseal("totp", &sealed).unwrap(),
            b"a secret"
        );
        assert!(seal.unseal("webhook", &sealed).is_none());
        assert!(Seal::open(None, b.path()).unwrap().unseal("totp", &sealed).is_none());
        assert!(seal.unseal("totp", "AAAA").is_none() && seal.unseal("totp", "%").is_none());
        assert!(Seal::open(Some(&"short".into()), a.path()).is_err());
    }
}
