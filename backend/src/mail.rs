//! Letters: through an SMTP server, or into a folder while one develops.

use lettre::message::Mailbox;
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;

use crate::BackendError;
use crate::config::Mail;

/// How long a server for letters may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Sends letters. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Clone)]
enum Way {
    Folder(AsyncFileTransport<Tokio1Executor>),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl Mailer {
    /// Whether letters leave this machine; without a server for letters they are put into a folder.
    pub(crate) fn reaches_people(&self) -> bool {
        matches!(self.way, Way::Smtp(_))
    }
}

fn wrong(what: &str) -> BackendError {
    crate::config::ConfigError(vec![what.to_owned()]).into()
}

impl Mailer {
    pub(crate) fn new(mail: &Mail) -> Result<Self, BackendError> {
        let (from, way) = match mail {
            Mail::Folder(folder) => {
                std::fs::create_dir_all(folder)
                    .map_err(BackendError::io("making the folder for letters"))?;
                ("oTo <oto@localhost.localdomain>", Way::Folder(AsyncFileTransport::new(folder)))
            }
            Mail::Smtp { url, from } => {
                // What is wrong with it may repeat its password.
                let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
                    .ok()
                    .ok_or_else(|| wrong("OTO_SMTP_URL: it cannot be understood"))?;
                (from.as_str(), Way::Smtp(transport.build()))
            }
        };
        let from = from
            .parse()
            .ok()
            .ok_or_else(|| wrong("OTO_MAIL_FROM: it is no address of a letter"))?;
        Ok(Self { from, way })
    }

    /// Sends a letter now; an error when nobody took it.
    pub(crate) async fn deliver(
        &self,
        to: &str,
        subject: &str,
        text: String,
    ) -> Result<(), String> {
        let to: Mailbox = to.parse().ok().ok_or_else(|| "the address is none".to_owned())?;
        let letter = Message::builder().from(self.from.clone()).to(to).subject(subject).body(text);
        let letter = letter.map_err(|e| e.to_string())?;
        let sent = async {
            match &self.way {
                Way::Folder(way) => way.send(letter).await.map(drop).map_err(|e| e.to_string()),
                Way::Smtp(way) => way.send(letter).await.map(drop).map_err(|e| e.to_string()),
            }
        };
        let sent = tokio::time::timeout(PATIENCE, sent).await;
        sent.unwrap_or_else(|_| Err("the server for letters does not answer".to_owned()))
    }

    /// Sends a letter, later: whoever asked does not wait, and cannot tell from the time whether
    /// there was somebody to send it to.
    pub(crate) fn send(&self, to: &str, subject: &str, text: String) {
        let (mailer, to, subject) = (self.clone(), to.to_owned(), subject.to_owned());
        tokio::spawn(async move {
            if let Err(error) = mailer.deliver(&to, &subject, text).await {
                tracing::error!(%error, "a letter could not be sent");
            }
        });
    }
}

/// Whether a text can be the address of a letter.
pub(crate) fn is_address(text: &str) -> bool {
    text.len() <= 254
        && !text.chars().any(char::is_whitespace)
        && text.parse::<lettre::Address>().is_ok()
}
