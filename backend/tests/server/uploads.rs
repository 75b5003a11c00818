//! Uploads that are cut off, damaged, too long, or somebody else's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

use crate::common::{Home, Person, answer, both, refused};

const PICTURE: &[u8] = include_bytes!("../home/picture.png");

fn tus(home: &Home, who: &Person, method: &str, place: &str) -> reqwest::RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    home.client.request(method, place).bearer_auth(&who.token).header("tus-resumable", "1.0.0")
}

fn part(
    home: &Home,
    who: &Person,
    place: &str,
    at: usize,
    bytes: &[u8],
) -> reqwest::RequestBuilder {
    tus(home, who, "PATCH", place)
        .header("content-type", "application/offset+octet-stream")
        .header("upload-offset", at.to_string())
        .body(bytes.to_vec())
}

async fn begin(home: &Home, who: &Person, size: usize, hash: Option<&str>) -> String {
    let mut request = tus(home, who, "POST", &format!("{}/api/v1/uploads", home.base))
        .header("upload-length", size.to_string());
    if let Some(hash) = hash {
        request =
            request.header("upload-metadata", format!("name eA==,hash {}", STANDARD.encode(hash)));
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_it_was_cut_off() {
    both(|home: Home| async move {
        let ada = home.person("ada").await;
        let hash = blake3::hash(PICTURE).to_hex().to_string();
        let place = begin(&home, &ada, PICTURE.len(), Some(&hash)).await;
        let (a, rest) = PICTURE.split_at(1_000);
        assert_eq!(part(&home, &ada, &place, 0, a).send().await.unwrap().status(), 204);
        assert_eq!(
            refused(part(&home, &ada, &place, 0, a)).await,
            (409, "upload_offset".to_owned())
        );
        let wrong = part(&home, &ada, &place, 1_000, &rest[..500])
            .header("upload-checksum", format!("sha256 {}", STANDARD.encode([7; 32])));
        assert_eq!(refused(wrong).await, (460, "hash_mismatch".to_owned()));
        let head = tus(&home, &ada, "HEAD", &place).send().await.unwrap();
        assert_eq!(
            (
                head.headers()["upload-offset"].to_str().unwrap(),
                head.headers()["upload-length"].to_str().unwrap()
            ),
            ("1000", PICTURE.len().to_string().as_str())
        );
        let done = part(&home, &ada, &place, 1_000, rest).send().await.unwrap();
        assert_eq!(
            (done.status().as_u16(), done.headers()["oto-asset"].to_str().unwrap()),
            (204, hash.as_str())
        );
        // Asking once more after the end is answered the same.
        let again = part(&home, &ada, &place, PICTURE.len(), &[]).send().await.unwrap();
        assert_eq!(again.headers()["oto-asset"].to_str().unwrap(), hash);
        // The same bytes of somebody else are one blob and two owners.
        let bob = home.person("bob").await;
        assert_eq!(home.upload(&bob, PICTURE.to_vec()).await.0, 201);
        assert_eq!(home.number("SELECT COUNT(*) FROM asset").await, 1);
        assert_eq!(home.number("SELECT COUNT(*) FROM asset_owner").await, 2);
        home.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_it_was_announced_is_refused() {
    both(|home: Home| async move {
        let (ada, bob) = (home.person("ada").await, home.person("bob").await);
        let other = blake3::hash(b"other bytes").to_hex().to_string();
        let place = begin(&home, &ada, PICTURE.len(), Some(&other)).await;
        assert_eq!(refused(part(&home, &bob, &place, 0, PICTURE)).await.0, 404);
        assert_eq!(
            refused(part(&home, &ada, &place, 0, PICTURE)).await,
            (409, "hash_mismatch".to_owned())
        );
        assert_eq!(refused(part(&home, &ada, &place, 0, PICTURE)).await.0, 404, "begin again");
        let place = begin(&home, &ada, 10, None).await;
        assert_eq!(
            refused(part(&home, &ada, &place, 0, PICTURE)).await,
            (413, "too_large".to_owned())
        );
        let plain = home
            .client
            .patch(&place)
            .bearer_auth(&ada.token)
            .header("upload-offset", "0")
            .body("x");
        assert_eq!(refused(plain).await.0, 412);
        assert_eq!(
            refused(tus(&home, &ada, "PATCH", &place).header("upload-offset", "0").body("x"))
                .await
                .0,
            415
        );
        assert_eq!(tus(&home, &bob, "DELETE", &place).send().await.unwrap().status(), 404);
        assert_eq!(tus(&home, &ada, "DELETE", &place).send().await.unwrap().status(), 204);
        let uploads = format!("{}/api/v1/uploads", home.base);
        for size in ["0", "-5", "x", "999999999999999"] {
            let (status, _) =
                answer(tus(&home, &ada, "POST", &uploads).header("upload-length", size)).await;
            assert!(status == 422 || status == 413, "{size}");
        }
        let options = home.client.request(Method::OPTIONS, &uploads).send().await.unwrap();
        assert!(options.headers()["tus-extension"].to_str().unwrap().contains("checksum"));
        let left = std::fs::read_dir(home.folder.path().join("media")).unwrap().count();
        assert_eq!(left, 0, "nothing of it is kept");
        home.stop().await;
    })
    .await;
}
