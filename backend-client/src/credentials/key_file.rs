//! Keys in a file, encrypted with a passphrase, for computers without a keyring. Which engines have
//! a key stands in it in the clear (the job database beside it names them too); the keys do not.
//!
//! The file: a header (magic, version, cost of Argon2id, salt, nonce), the accounts, and the keys
//! sealed with ChaCha20-Poly1305, which also vouches for everything before them. The nonce is new at
//! every write, the salt at every new passphrase. Keys are in memory only while one is asked for;
//! what stays there while the file is open is the derived key. (`ring` does not wipe its own copy of
//! it, which lies on the stack for as long as a call takes.)

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use rand::TryRng;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretBox, SecretString};

use super::CredentialError;

const MAGIC: &[u8; 8] = b"oTo-keys";
/// Version 1, Argon2id 1.3, ChaCha20-Poly1305, and a byte for later.
const FORM: [u8; 4] = [1, 1, 1, 0];
const SALT_LEN: usize = 16;
/// Where the accounts begin.
const HEADER: usize = MAGIC.len() + FORM.len() + 12 + SALT_LEN + NONCE_LEN;
/// Sealed keys are filled up to a multiple of this, so that their length tells little.
const PAD: usize = 512;
/// No file of keys is longer.
const MOST_BYTES: u64 = 1 << 20;
/// Shorter passphrases are refused.
const LEAST_LETTERS: usize = 8;

/// What deriving the key costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Cost {
    /// More than twice what OWASP asks of Argon2id; a fraction of a second.
    pub(super) const USUAL: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 1 };

    /// A file that asks for more was not written by oTo, and would stop the program for long.
    fn is_bearable(self) -> bool {
        self.memory_kib <= 512 << 10 && self.passes <= 32 && self.lanes <= 8
    }
}

/// A file that was opened with its passphrase.
struct Opened {
    cost: Cost,
    salt: [u8; SALT_LEN],
    key: SecretBox<[u8; 32]>,
}

/// One file.
pub(super) struct KeyFile {
    path: PathBuf,
    cost: Cost,
    opened: Mutex<Option<Opened>>,
}

/// What stands in the clear, and where the sealed keys begin.
struct Head {
    cost: Cost,
    salt: [u8; SALT_LEN],
    nonce: [u8; NONCE_LEN],
    accounts: Vec<String>,
    length: usize,
}

type Keys = Vec<(String, SecretString)>;

/// The next bytes, with their length before them.
fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (part, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *bytes = rest;
    Some(part)
}

fn push_part(into: &mut Vec<u8>, part: &[u8]) -> Result<(), CredentialError> {
    let length = u16::try_from(part.len()).or(Err(CredentialError::NotAKey))?;
    into.extend(length.to_le_bytes());
    into.extend(part);
    Ok(())
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_at_checked(HEADER)?;
        let head = head.strip_prefix(MAGIC)?.strip_prefix(&FORM)?;
        let (costs, head) = head.split_first_chunk::<12>()?;
        let (salt, nonce) = head.split_first_chunk::<SALT_LEN>()?;
        let cost = |n: usize| costs[n * 4..][..4].try_into().ok().map(u32::from_le_bytes);
        let cost = Cost { memory_kib: cost(0)?, passes: cost(1)?, lanes: cost(2)? };
        let (count, after) = rest.split_first_chunk::<2>()?;
        rest = after;
        let mut accounts = Vec::new();
        for _ in 0..u16::from_le_bytes(*count) {
            accounts.push(std::str::from_utf8(part(&mut rest)?).ok()?.to_owned());
        }
        let length = bytes.len() - rest.len();
        let nonce = nonce.try_into().ok()?;
        cost.is_bearable().then_some(Self { cost, salt: *salt, nonce, accounts, length })
    }

    fn write(&self) -> Result<Vec<u8>, CredentialError> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC);
        bytes.extend(FORM);
        for n in [self.cost.memory_kib, self.cost.passes, self.cost.lanes] {
            bytes.extend(n.to_le_bytes());
        }
        bytes.extend(self.salt);
        bytes.extend(self.nonce);
        let count = u16::try_from(self.accounts.len()).or(Err(CredentialError::NotAKey))?;
        bytes.extend(count.to_le_bytes());
        for account in &self.accounts {
            push_part(&mut bytes, account.as_bytes())?;
        }
        Ok(bytes)
    }
}

fn random<const N: usize>() -> Result<[u8; N], CredentialError> {
    let mut bytes = [0; N];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).or(Err(CredentialError::FileRefused))?;
    Ok(bytes)
}

fn derive(
    passphrase: &SecretString,
    salt: &[u8],
    cost: Cost,
) -> Result<SecretBox<[u8; 32]>, CredentialError> {
    let damaged = CredentialError::FileDamaged;
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).or(Err(damaged))?;
    let mut memory = vec![Block::default(); params.block_count()];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let words = passphrase.expose_secret().as_bytes();
    let mut outcome = Ok(());
    let key = SecretBox::init_with_mut(|key: &mut [u8; 32]| {
        outcome = argon.hash_password_into_with_memory(words, salt, key, &mut memory[..]);
    });
    memory.iter_mut().for_each(|block| block.as_mut().zeroize());
    outcome.map(|()| key).or(Err(damaged))
}

fn cipher(key: &SecretBox<[u8; 32]>) -> Result<LessSafeKey, CredentialError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.expose_secret());
    key.map(LessSafeKey::new).or(Err(CredentialError::FileDamaged))
}

/// The keys of the accounts of a head. None when the passphrase is another one, or a byte was changed.
fn unseal(bytes: &[u8], head: &Head, key: &SecretBox<[u8; 32]>) -> Option<Keys> {
    let (clear, sealed) = bytes.split_at_checked(head.length)?;
    let mut sealed = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(head.nonce);
    let plain = cipher(key).ok()?.open_in_place(nonce, Aad::from(clear), &mut sealed).ok()?;
    let mut rest: &[u8] = plain;
    let mut keys = Vec::new();
    for account in &head.accounts {
        let key = std::str::from_utf8(part(&mut rest)?).ok()?;
        keys.push((account.clone(), SecretString::from(key)));
    }
    Some(keys)
}

fn seal(opened: &Opened, keys: &Keys) -> Result<Vec<u8>, CredentialError> {
    let accounts = keys.iter().map(|(account, _)| account.clone()).collect();
    let (cost, salt, nonce) = (opened.cost, opened.salt, random()?);
    let mut bytes = Head { cost, salt, nonce, accounts, length: 0 }.write()?;
    let needed: usize = keys.iter().map(|(_, key)| key.expose_secret().len() + 2).sum();
    let whole = (needed / PAD + 1) * PAD;
    // As large as it will be, so that nothing of it is left behind where it grew.
    let mut plain = Zeroizing::new(Vec::with_capacity(whole));
    for (_, key) in keys {
        push_part(&mut plain, key.expose_secret().as_bytes())?;
    }
    plain.resize(whole, 0);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let sealed =
        cipher(&opened.key)?.seal_in_place_separate_tag(nonce, Aad::from(&bytes[..]), &mut plain);
    let tag = sealed.or(Err(CredentialError::FileRefused))?;
    // Encrypted by now.
    bytes.extend(&plain[..]);
    bytes.extend(tag.as_ref());
    Ok(bytes)
}

/// A whole new file in the place of the old one, readable by the user only.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.part", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Left by a process of the same number that was killed.
    std::fs::remove_file(&temporary).ok();
    let outcome = (|| {
        let mut file = options.open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    })();
    if outcome.is_err() {
        std::fs::remove_file(&temporary).ok();
    }
    outcome
}

impl KeyFile {
    pub(super) fn new(path: PathBuf, cost: Cost) -> Self {
        Self { path, cost, opened: Mutex::default() }
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    pub(super) fn is_open(&self) -> bool {
        self.opened().is_some()
    }

    fn opened(&self) -> MutexGuard<'_, Option<Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes; none when there is no file.
    fn bytes(&self) -> Result<Option<Vec<u8>>, CredentialError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err(CredentialError::FileRefused),
        };
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes).or(Err(CredentialError::FileRefused))?;
        Ok(Some(bytes))
    }

    /// Whose keys are in it, whether it is open or not.
    pub(super) fn accounts(&self) -> Result<Vec<String>, CredentialError> {
        let Some(bytes) = self.bytes()? else { return Ok(Vec::new()) };
        Head::read(&bytes).map(|h| h.accounts).ok_or(CredentialError::FileDamaged)
    }

    /// Opens it until the program ends.
    pub(super) fn unlock(&self, passphrase: &SecretString) -> Result<(), CredentialError> {
        let bytes = self.bytes()?.ok_or(CredentialError::NoFile)?;
        let head = Head::read(&bytes).ok_or(CredentialError::FileDamaged)?;
        let key = derive(passphrase, &head.salt, head.cost)?;
        unseal(&bytes, &head, &key).ok_or(CredentialError::WrongPassphrase)?;
        *self.opened() = Some(Opened { cost: head.cost, salt: head.salt, key });
        Ok(())
    }

    /// Makes an empty one with this passphrase, and opens it.
    pub(super) fn create(&self, passphrase: &SecretString) -> Result<(), CredentialError> {
        if passphrase.expose_secret().chars().count() < LEAST_LETTERS {
            return Err(CredentialError::WeakPassphrase);
        }
        let _lock = self.lock()?;
        if self.exists() {
            return Err(CredentialError::FileThere);
        }
        let salt = random()?;
        let key = derive(passphrase, &salt, self.cost)?;
        let opened = Opened { cost: self.cost, salt, key };
        write_whole(&self.path, &seal(&opened, &Vec::new())?)
            .or(Err(CredentialError::FileRefused))?;
        *self.opened() = Some(opened);
        Ok(())
    }

    /// One program writes at a time. Released when the handle is closed.
    fn lock(&self) -> Result<File, CredentialError> {
        let mut path = self.path.as_os_str().to_owned();
        path.push(".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).or(Err(CredentialError::FileRefused))?;
        file.lock().or(Err(CredentialError::FileRefused))?;
        Ok(file)
    }

    /// All keys, for one call. They are read anew: another program may have changed them.
    fn keys(&self, opened: Option<&Opened>) -> Result<Keys, CredentialError> {
        let Some(bytes) = self.bytes()? else { return Ok(Vec::new()) };
        let head = Head::read(&bytes).ok_or(CredentialError::FileDamaged)?;
        // With another salt it has another passphrase.
        let fits = opened.filter(|o| o.salt == head.salt && o.cost == head.cost);
        let key = &fits.ok_or(CredentialError::FileLocked)?.key;
        unseal(&bytes, &head, key).ok_or(CredentialError::FileDamaged)
    }

    /// The key of an account.
    pub(super) fn get(&self, account: &str) -> Result<Option<SecretString>, CredentialError> {
        let keys = self.keys(self.opened().as_ref())?;
        Ok(keys.into_iter().find(|(a, _)| a == account).map(|(_, key)| key))
    }

    /// Keeps a key, or forgets it when it is none. True when there was one before.
    pub(super) fn set(
        &self,
        account: &str,
        key: Option<SecretString>,
    ) -> Result<bool, CredentialError> {
        let _lock = self.lock()?;
        let opened = self.opened();
        let mut keys = self.keys(opened.as_ref())?;
        let opened = opened.as_ref().ok_or(CredentialError::FileLocked)?;
        let before = keys.len();
        keys.retain(|(a, _)| a != account);
        let was_there = keys.len() < before;
        if key.is_none() && !was_there {
            return Ok(false);
        }
        keys.extend(key.map(|key| (account.to_owned(), key)));
        write_whole(&self.path, &seal(opened, &keys)?).or(Err(CredentialError::FileRefused))?;
        Ok(was_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "oto-CANARY-7a21";
    const PASSPHRASE: &str = "a tram climbs at dawn";
    /// Quick, for tests.
    const LEAST: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn made(folder: &tempfile::TempDir) -> KeyFile {
        let file = KeyFile::new(folder.path().join("keys.enc"), LEAST);
        file.create(&secret(PASSPHRASE)).unwrap();
        assert!(!file.set("lab https://a.example", Some(secret(KEY))).unwrap());
        file
    }

    fn again(folder: &tempfile::TempDir) -> KeyFile {
        KeyFile::new(folder.path().join("keys.enc"), LEAST)
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|w| w == text.as_bytes())
    }

    #[test]
    fn keys_are_there_for_who_knows_the_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let file = made(&folder);
        file.set("other https://b.example", Some(secret("oto-CANARY-2"))).unwrap();
        assert!(file.set("lab https://a.example", Some(secret(KEY))).unwrap());
        let next = again(&folder);
        assert_eq!(next.accounts().unwrap(), ["other https://b.example", "lab https://a.example"]);
        assert_eq!(next.get("lab https://a.example").err(), Some(CredentialError::FileLocked));
        let wrong = next.unlock(&secret("a tram climbs at dusk"));
        assert_eq!(wrong, Err(CredentialError::WrongPassphrase));
        assert!(!next.is_open());
        next.unlock(&secret(PASSPHRASE)).unwrap();
        let key = next.get("lab https://a.example").unwrap().unwrap();
        assert_eq!(key.expose_secret(), KEY);
        assert!(next.set("lab https://a.example", None).unwrap());
        assert!(!next.set("lab https://a.example", None).unwrap());
        // The first one reads what the other wrote.
        assert!(file.get("lab https://a.example").unwrap().is_none());
        assert!(file.get("other https://b.example").unwrap().is_some());
    }

    #[test]
    fn any_flipped_byte_and_any_cut_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.enc");
        drop(made(&folder));
        let whole = std::fs::read(&path).unwrap();
        let refuses = |bytes: &[u8], what: &str| {
            std::fs::write(&path, bytes).unwrap();
            assert!(again(&folder).unlock(&secret(PASSPHRASE)).is_err(), "{what}");
        };
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            refuses(&bytes, &format!("byte {at} of {}", whole.len()));
        }
        for length in [0, 7, HEADER, HEADER + 3, whole.len() - 1] {
            refuses(&whole[..length], &format!("cut at {length}"));
        }
        let mut longer = whole.clone();
        longer.push(0);
        refuses(&longer, "one byte more");
        std::fs::write(&path, &whole).unwrap();
        again(&folder).unlock(&secret(PASSPHRASE)).unwrap();
    }

    #[test]
    fn neither_the_key_nor_the_passphrase_is_in_the_file_and_no_two_files_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.enc");
        let file = made(&folder);
        let first = std::fs::read(&path).unwrap();
        file.set("lab https://a.example", Some(secret(KEY))).unwrap();
        let second = std::fs::read(&path).unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!holds(&bytes, KEY) && !holds(&bytes, PASSPHRASE));
        }
        assert_eq!(first.len(), second.len());
        let sealed = Head::read(&first).unwrap().length;
        assert_ne!(first[sealed..], second[sealed..], "a new nonce at every write");
        // A longer key does not make a longer file.
        file.set("lab https://a.example", Some(secret(&"k".repeat(100)))).unwrap();
        assert_eq!(std::fs::read(&path).unwrap().len(), first.len());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_is_made_once_and_not_with_a_weak_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let file = again(&folder);
        assert_eq!(file.unlock(&secret(PASSPHRASE)), Err(CredentialError::NoFile));
        assert_eq!(file.create(&secret("short")), Err(CredentialError::WeakPassphrase));
        assert!(!file.exists());
        drop(made(&folder));
        assert_eq!(file.create(&secret(PASSPHRASE)), Err(CredentialError::FileThere));
        // What asks for more memory than there is is not tried.
        let path = folder.path().join("keys.enc");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[15] = 0xff;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(file.unlock(&secret(PASSPHRASE)), Err(CredentialError::FileDamaged));
    }

    #[test]
    fn the_usual_cost_works_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.enc"), Cost::USUAL);
        file.create(&secret(PASSPHRASE)).unwrap();
        again(&folder).unlock(&secret(PASSPHRASE)).unwrap();
    }
}
