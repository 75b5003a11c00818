//! Where the keys of providers come from, at the moment of use. The embedded home asks the desk,
//! which asks the keyring of the system; keys never travel over the wire.

use secrecy::SecretString;

/// Gives the key of an engine.
pub trait KeySource: Send + Sync {
    /// The key of an engine at an address, or none: a key belongs to the origin it was entered for,
    /// so that it never goes to another one. May wait for the keyring; called on a thread that may block.
    ///
    /// # Errors
    /// A sentence when the keyring refuses.
    fn key(&self, engine: &str, base_url: &str) -> Result<Option<SecretString>, String>;

    /// A key that is to be tried before it takes the place of the one that is used.
    ///
    /// # Errors
    /// A sentence when it cannot be read.
    fn candidate(&self, _engine: &str, _base_url: &str) -> Result<Option<SecretString>, String> {
        Ok(None)
    }
}

/// No keys at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl KeySource for NoKeys {
    fn key(&self, _engine: &str, _base_url: &str) -> Result<Option<SecretString>, String> {
        Ok(None)
    }
}
