//! What becomes of keys, wherever they are kept.

use super::*;

#[test]
fn a_key_belongs_to_an_origin() {
    assert_eq!(account("lab", "https://API.example.com/v1"), "lab https://api.example.com");
    assert_eq!(
        account("lab", "https://api.example.com"),
        account("lab", "https://api.example.com/v2/")
    );
    assert_ne!(
        account("lab", "https://api.example.com/v1"),
        account("lab", "http://api.example.com/v1")
    );
}

#[test]
fn keys_are_kept_and_never_shown() {
    let credentials = Credentials::new(Store::Memory(Arc::default()));
    let key = || SecretString::from("oto-CANARY-1".to_owned());
    credentials.set("lab", key()).unwrap();
    assert_eq!(credentials.get("lab").unwrap().unwrap().expose_secret(), "oto-CANARY-1");
    assert!(!format!("{credentials:?} {:?}", credentials.get("lab")).contains("CANARY"));
    assert_eq!(
        credentials.set("lab", SecretString::from("two\nlines".to_owned())),
        Err(CredentialError::NotAKey)
    );
    let session = || SecretString::from("oto-CANARY-2".to_owned());
    credentials.clone().set_for_session("lab", session()).unwrap();
    assert_eq!(credentials.place_of("lab"), Ok(Some(Place::Session)));
    assert_eq!(credentials.place_of("other"), Ok(None));
    assert_eq!(credentials.get("lab").unwrap().unwrap().expose_secret(), "oto-CANARY-2");
    assert_eq!(
        credentials.set_for_session("lab", SecretString::from(String::new())),
        Err(CredentialError::NotAKey)
    );
    assert_eq!((credentials.remove("lab"), credentials.remove("lab")), (Ok(true), Ok(false)));
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn used(credentials: &Credentials) -> String {
    credentials.get("lab").unwrap().unwrap().expose_secret().to_owned()
}

fn with_file(folder: &tempfile::TempDir) -> Credentials {
    let file =
        KeyFile::new(folder.path().join("keys.enc"), Cost { memory_kib: 8, passes: 1, lanes: 1 });
    let file = Some(Arc::new(file));
    Credentials { file, ..Credentials::new(Store::Memory(Arc::default())) }
}

#[test]
fn a_key_is_in_one_place_and_moves() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = with_file(&folder);
    credentials.set("lab", secret("one")).unwrap();
    let locked = credentials.set_in(Place::File, "lab", secret("two"));
    assert_eq!(locked, Err(CredentialError::FileLocked));
    assert_eq!(used(&credentials), "one");
    credentials.create_file(&secret("long enough")).unwrap();
    credentials.set_in(Place::File, "lab", secret("two")).unwrap();
    assert_eq!(credentials.place_of("lab"), Ok(Some(Place::File)));
    assert_eq!(
        (credentials.stored("lab").unwrap().is_none(), used(&credentials)),
        (true, "two".into())
    );
    // Another program, that does not know the passphrase, does not get it and takes nothing away.
    let other = with_file(&folder);
    assert_eq!(other.place_of("lab"), Ok(Some(Place::File)));
    assert_eq!(other.get("lab").err(), Some(CredentialError::FileLocked));
    assert_eq!(other.set("lab", secret("three")), Err(CredentialError::FileLocked));
    assert_eq!(other.remove("lab"), Err(CredentialError::FileLocked));
    assert!(other.get("elsewhere").unwrap().is_none(), "what is not in it needs no passphrase");
    credentials.set("lab", secret("four")).unwrap();
    assert_eq!(credentials.place_of("lab"), Ok(Some(Place::Keyring)));
    assert_eq!((credentials.remove("lab"), credentials.remove("lab")), (Ok(true), Ok(false)));
}

#[test]
fn the_old_key_is_used_until_the_new_one_is_kept() {
    let credentials = Credentials::new(Store::Memory(Arc::default()));
    credentials.set("lab", secret("old")).unwrap();
    credentials.set_candidate("lab", secret("new")).unwrap();
    assert_eq!(used(&credentials), "old");
    assert_eq!(credentials.candidate("lab").unwrap().expose_secret(), "new");
    assert_eq!(credentials.keep_candidate("lab", Place::File), Err(CredentialError::NoFile));
    assert_eq!(used(&credentials), "old");
    credentials.keep_candidate("lab", Place::Keyring).unwrap();
    assert_eq!((used(&credentials), credentials.candidate("lab").is_none()), ("new".into(), true));
    assert_eq!(credentials.keep_candidate("lab", Place::Keyring), Err(CredentialError::NotAKey));
}

#[test]
fn a_job_waits_for_the_passphrase_when_somebody_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = with_file(&folder);
    credentials.create_file(&secret("long enough")).unwrap();
    credentials.set_in(Place::File, "lab", secret("key")).unwrap();
    let locked = with_file(&folder);
    assert_eq!(locked.get_for_use("lab").err(), Some(CredentialError::FileLocked));
    let (tell, asked) = std::sync::mpsc::channel();
    locked.ask_with(Arc::new(move || tell.send(()).unwrap()));
    for says_yes in [false, true] {
        let waiting = locked.clone();
        let job = std::thread::Builder::new().spawn(move || waiting.get_for_use("lab"));
        asked.recv().unwrap();
        assert!(locked.is_asked());
        if says_yes {
            let wrong = locked.unlock_file(&secret("long enough?"));
            assert_eq!(wrong, Err(CredentialError::WrongPassphrase));
            assert!(locked.is_asked(), "it may be typed again");
            locked.unlock_file(&secret("long enough")).unwrap();
        } else {
            locked.leave_locked();
        }
        let told = job.unwrap().join().unwrap();
        assert_eq!(told.is_ok(), says_yes);
        assert!(!locked.is_asked());
    }
}
