//! OpenRouter by one click: the user says yes in the browser, and the key comes to a port on this
//! computer that is open for that alone. Authorization code with proof key (RFC 7636); shapes from
//! OpenRouter's public guide “OAuth PKCE”.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng;
use reqwest::Client;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Codes are good for as long.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest request of a browser that is read.
const MOST: usize = 16 << 10;

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No port, no thread, no random numbers.
    #[error("this computer does not let oTo wait for the answer of the browser")]
    NoPort,
    /// Nobody came back.
    #[error("nobody came back from the browser within ten minutes; try again")]
    TooLate,
    /// The user said no.
    #[error("OpenRouter was not connected: it was declined in the browser")]
    Declined,
    /// The service does not accept the code.
    #[error("OpenRouter does not accept the answer of the browser; try again")]
    Refused,
    /// The service cannot be reached.
    #[error("OpenRouter cannot be reached; check the network and try again")]
    Unreachable,
}

/// Where OpenRouter is; tests have one of their own.
#[derive(Debug, Clone)]
pub struct Site {
    /// Page where the user says yes.
    pub authorize: String,
    /// Where a code becomes a key.
    pub keys: String,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            authorize: "https://openrouter.ai/auth".to_owned(),
            keys: "https://openrouter.ai/api/v1/auth/keys".to_owned(),
        }
    }
}

fn random(n: usize) -> Result<String, ConnectError> {
    let mut bytes = vec![0u8; n];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).or(Err(ConnectError::NoPort))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()))
}

#[derive(Deserialize)]
struct Answer {
    key: SecretString,
}

/// Asks for a key. `open` gets the page that is to be opened in the browser. Waits up to ten
/// minutes: lives on a thread of its own.
///
/// # Errors
/// When it is declined, too late, or the service says no.
pub fn connect(site: &Site, open: impl FnOnce(String)) -> Result<SecretString, ConnectError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .or(Err(ConnectError::NoPort))?;
    runtime.block_on(async {
        match tokio::time::timeout(PATIENCE, asked(site, open)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ConnectError::TooLate),
        }
    })
}

async fn asked(site: &Site, open: impl FnOnce(String)) -> Result<SecretString, ConnectError> {
    let no_port = |_| ConnectError::NoPort;
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(local).await.map_err(no_port)?;
    let port = listener.local_addr().map_err(no_port)?.port();
    let (verifier, path) = (random(64)?, random(18)?);
    // Both parts are of the URL-safe alphabet, and the callback needs no more escaping than this.
    open(format!(
        "{}?callback_url=http%3A%2F%2Flocalhost%3A{port}%2F{path}&code_challenge={}&code_challenge_method=S256",
        site.authorize,
        challenge_of(&verifier)
    ));
    let code = loop {
        let (stream, _) = listener.accept().await.map_err(no_port)?;
        // Browsers ask for icons too, and others may knock: only the path counts.
        if let Some(answer) = told(stream, &path).await {
            break answer.ok_or(ConnectError::Declined)?;
        }
    };
    drop(listener);
    exchange(site, &code, &verifier).await
}

/// What came to the path: a code, or a no. None for everything else.
async fn told(mut stream: TcpStream, path: &str) -> Option<Option<String>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 2_048];
    let read = async {
        while !bytes.windows(4).any(|w| w == b"\r\n\r\n") && bytes.len() < MOST {
            match stream.read(&mut buffer).await {
                Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
                _ => break,
            }
        }
    };
    // Whoever says nothing holds nobody up.
    tokio::time::timeout(Duration::from_secs(5), read).await.ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let target = text.strip_prefix("GET ")?.split(' ').next()?;
    let (asked, query) = target.split_once('?').unwrap_or((target, ""));
    let is_ours = asked.strip_prefix('/') == Some(path);
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code=")).filter(|c| is_code(c));
    let (status, words) = match (is_ours, code) {
        (false, _) => ("404 Not Found", ""),
        (true, Some(_)) => ("200 OK", "oTo is connected. You may close this page."),
        (true, None) => ("200 OK", "oTo was not connected. You may close this page."),
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\ncache-control: no-store\r\n\r\n{words}",
        words.len()
    );
    // The browser may be gone; the code is here.
    stream.write_all(reply.as_bytes()).await.ok();
    is_ours.then(|| code.map(str::to_owned))
}

/// Codes are words of these letters; anything else is not sent on.
fn is_code(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    (1..=512).contains(&text.len()) && text.chars().all(fits)
}

async fn exchange(site: &Site, code: &str, verifier: &str) -> Result<SecretString, ConnectError> {
    // The embedded home has installed the TLS provider; a second time does no harm.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .or(Err(ConnectError::Unreachable))?;
    let body = serde_json::json!({
        "code": code, "code_verifier": verifier, "code_challenge_method": "S256",
    });
    let response =
        client.post(&site.keys).json(&body).send().await.or(Err(ConnectError::Unreachable))?;
    if !response.status().is_success() {
        return Err(ConnectError::Refused);
    }
    let answer: Answer = response.json().await.or(Err(ConnectError::Refused))?;
    Ok(answer.key)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::sync::{Arc, Mutex};

    use secrecy::ExposeSecret;

    use super::*;

    /// Takes one request and answers it; what was asked.
    fn keys_of(status: &'static str, body: &'static str) -> (String, Arc<Mutex<String>>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(String::new()));
        let keeps = Arc::clone(&asked);
        let serve = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            let mut buffer = [0; 4_096];
            while !text.contains("S256") {
                let n = stream.read(&mut buffer).unwrap();
                text.push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
            *keeps.lock().unwrap() = text;
            let head = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        (url, asked)
    }

    /// A browser that comes back with this query, after knocking elsewhere.
    fn browser(query: &'static str) -> impl FnOnce(String) {
        move |page: String| {
            let callback = page.split("callback_url=").nth(1).unwrap().split('&').next().unwrap();
            let callback = callback.replace("%3A", ":").replace("%2F", "/");
            let (host, path) =
                callback.strip_prefix("http://localhost:").unwrap().split_once('/').unwrap();
            let (port, path): (u16, String) = (host.parse().unwrap(), path.to_owned());
            let visit = move || {
                for target in
                    ["favicon.ico".to_owned(), format!("wrong?{query}"), format!("{path}?{query}")]
                {
                    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
                    stream
                        .write_all(
                            format!("GET /{target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes(),
                        )
                        .unwrap();
                    let mut reply = String::new();
                    stream.read_to_string(&mut reply).unwrap();
                    assert_eq!(
                        reply.contains("404"),
                        !target.starts_with(&path),
                        "{target}: {reply}"
                    );
                }
            };
            std::thread::Builder::new().spawn(visit).unwrap();
        }
    }

    #[test]
    fn a_yes_in_the_browser_becomes_a_key() {
        let (keys, asked) = keys_of("200 OK", "{\"key\":\"oto-CANARY-3\",\"user_id\":\"u\"}");
        let site = Site { authorize: "https://openrouter.example/auth".to_owned(), keys };
        let mut page = String::new();
        let go = browser("code=abc-123");
        let key = connect(&site, |url| {
            page.clone_from(&url);
            go(url);
        });
        assert_eq!(key.unwrap().expose_secret(), "oto-CANARY-3");
        let asked = asked.lock().unwrap();
        assert!(asked.contains("\"code\":\"abc-123\""));
        let verifier =
            asked.split("\"code_verifier\":\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(page.contains(&format!("code_challenge={}", challenge_of(verifier))));
        assert!(!page.contains(verifier), "the page does not know what proves it");
    }

    #[test]
    fn a_no_and_a_refusal_are_told_apart() {
        let site = |keys| Site { authorize: String::new(), keys };
        let nobody = "http://127.0.0.1:9/keys".to_owned();
        let declined = connect(&site(nobody.clone()), browser("error=access_denied"));
        assert_eq!(declined.unwrap_err(), ConnectError::Declined);
        let strange = connect(&site(nobody.clone()), browser("code=%0d%0ax"));
        assert_eq!(strange.unwrap_err(), ConnectError::Declined);
        assert_eq!(
            connect(&site(nobody), browser("code=abc")).unwrap_err(),
            ConnectError::Unreachable
        );
        let (keys, _) = keys_of("403 Forbidden", "{}");
        assert_eq!(connect(&site(keys), browser("code=abc")).unwrap_err(), ConnectError::Refused);
    }

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge_of(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
