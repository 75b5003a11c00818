//! What is kept, brought and taken over.

use super::*;

#[test]
fn whoever_still_writes_an_upload_never_reaches_what_was_taken_over() {
    use std::io::{Seek, SeekFrom, Write};
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(folder.path().to_owned()).unwrap();
    let kept = blobs.put(b"the work of somebody").unwrap();
    let path = blobs.upload("one");
    fs::write(&path, b"the work of somebody").unwrap();
    let mut late = fs::OpenOptions::new().write(true).open(&path).unwrap();
    assert_eq!(blobs.adopt_copy(&path).unwrap(), kept);
    late.seek(SeekFrom::Start(0)).unwrap();
    late.write_all(b"bytes of another one").unwrap();
    assert_eq!(fs::read(blobs.find(&kept).unwrap()).unwrap(), b"the work of somebody");
    // Nothing but the blob and the upload is left.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn what_is_kept_comes_back_from_the_store_and_other_bytes_do_not() {
    let store = Arc::new(object_store::memory::InMemory::new());
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let of = |folder: &Path| {
        Blobs::with_store(
            folder.to_owned(),
            Arc::clone(&store) as _,
            Arc::clone(&store) as _,
            "p/".to_owned(),
        )
        .unwrap()
    };
    let (one, two) = (of(here.path()), of(there.path()));
    let big = vec![7u8; PART + 3];
    for bytes in [&b"a tram"[..], &big] {
        let hash = one.put(bytes).unwrap();
        assert!(two.bring(&hash).await.unwrap().is_none());
        one.keep(&hash, "text/plain").await.unwrap();
        one.keep(&hash, "text/plain").await.unwrap();
        let path = two.bring(&hash).await.unwrap().unwrap();
        assert_eq!(fs::read(path).unwrap(), bytes);
    }
    let hash = one.put(b"true").unwrap();
    let key = Key::from(format!("p/{}/{}/{hash}", &hash[..2], &hash[2..4]));
    store.put(&key, PutPayload::from_static(b"false")).await.unwrap();
    assert!(two.bring(&hash).await.unwrap().is_none());
    one.drop_everywhere(&hash).await.unwrap();
    assert!(store.head(&key).await.is_err());
    for wrong in ["", "../../etc/passwd", &"A".repeat(64)] {
        assert!(one.bring(wrong).await.unwrap().is_none());
    }
}
