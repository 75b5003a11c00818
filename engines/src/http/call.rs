//! One call to a provider.

use reqwest::header::HeaderMap;
use reqwest::multipart::Form;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use super::answer::{Reading, accepted, from_transport, nonsense};
use super::{MAX_JSON, Veil, read_capped};
use crate::EngineError;

/// What a call does, which decides what a missing answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sends {
    /// It only reads, or may be repeated without harm.
    Nothing,
    /// It makes something and brings it in the answer: an error says that nothing was made.
    Whole,
    /// It begins something that goes on elsewhere: an error of a gateway says nothing.
    Work,
}

/// A call that is not sent yet.
pub(crate) struct Call {
    pub(super) builder: RequestBuilder,
    pub(super) sends: Sends,
    pub(super) reading: Option<Reading>,
    pub(super) now_ms: i64,
    /// Longest JSON that is read.
    pub(super) cap: u64,
    /// Taken out of what the provider says, should it repeat it.
    pub(super) veil: Veil,
}

impl Call {
    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    pub(crate) fn body(mut self, bytes: Vec<u8>) -> Self {
        self.builder = self.builder.body(bytes);
        self
    }

    pub(crate) fn multipart(mut self, form: Form) -> Self {
        self.builder = self.builder.multipart(form);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// How this provider says what others say otherwise.
    pub(crate) fn reading(mut self, reading: Reading) -> Self {
        self.reading = Some(reading);
        self
    }

    /// The answer may hold the result itself, or the sources of the request.
    pub(crate) fn with_media(mut self) -> Self {
        self.cap = MAX_JSON;
        self
    }

    /// Sends it, once.
    pub(crate) async fn response(self) -> Result<Response, EngineError> {
        self.veiled_response().await.map(|(response, _)| response)
    }

    async fn veiled_response(self) -> Result<(Response, Veil), EngineError> {
        let Self { builder, sends, reading, now_ms, cap: _, veil } = self;
        let sent = builder.send().await;
        let response = sent.map_err(|e| from_transport(&e, sends))?;
        let response = accepted(response, sends, reading, now_ms, &veil).await?;
        Ok((response, veil))
    }

    /// The JSON of the answer, without the key.
    pub(crate) async fn value(self) -> Result<Value, EngineError> {
        let (cap, sends) = (self.cap, self.sends);
        let (response, veil) = self.veiled_response().await?;
        let bytes = read_capped(response, cap, sends).await?;
        let mut value = serde_json::from_slice(&bytes).or(Err(nonsense()))?;
        veil.value(&mut value);
        Ok(value)
    }

    /// Headers and bytes of the answer. No medium has the key in it.
    pub(crate) async fn bytes(self, cap: u64) -> Result<(HeaderMap, Vec<u8>), EngineError> {
        let sends = self.sends;
        let (response, veil) = self.veiled_response().await?;
        let headers = response.headers().clone();
        let bytes = read_capped(response, cap, sends).await?;
        if veil.is_in(&bytes) { Err(nonsense()) } else { Ok((headers, bytes)) }
    }
}
