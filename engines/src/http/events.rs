//! Server-sent events (WHATWG HTML, section 9.2) of an answer.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::Response;

use super::answer::from_transport;
use super::call::Sends;
use super::download::too_large;
use crate::{Context, EngineError};

/// Longest line and most data of one event.
const MOST: usize = 32 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name; empty when it has none.
    pub(crate) name: String,
    /// Its data, lines joined.
    pub(crate) data: String,
}

/// Puts lines together to events.
#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    event: Event,
    ready: VecDeque<Event>,
}

impl Lines {
    /// False when a line or an event is longer than is accepted.
    fn push(&mut self, bytes: &[u8]) -> bool {
        // Only what is new can end the line that waits.
        let mut from = self.waiting.len();
        self.waiting.extend_from_slice(bytes);
        while let Some(end) = self.waiting[from..].iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.waiting.drain(..=from + end).collect();
            self.line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            from = 0;
        }
        self.waiting.len() <= MOST && self.event.data.len() <= MOST
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            return self.end();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments have an empty field; others are of no use here.
            _ => {}
        }
    }

    fn end(&mut self) {
        let event = std::mem::take(&mut self.event);
        if !event.data.is_empty() {
            self.ready.push_back(event);
        }
    }
}

/// The events of one answer that brings what was made, as they come.
pub(crate) struct Events {
    stream: BoxStream<'static, Result<bytes::Bytes, reqwest::Error>>,
    lines: Lines,
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self { stream: response.bytes_stream().boxed(), lines: Lines::default() }
    }

    /// The next event; none at the end. A last event without an empty line after it counts.
    pub(crate) async fn next(&mut self, context: &Context) -> Result<Option<Event>, EngineError> {
        loop {
            if let Some(event) = self.lines.ready.pop_front() {
                return Ok(Some(event));
            }
            let chunk = tokio::select! {
                chunk = self.stream.next() => chunk,
                () = context.cancel.cancelled() => {
                    return Err(EngineError::canceled());
                }
            };
            match chunk {
                Some(Ok(bytes)) if self.lines.push(&bytes) => {}
                Some(Ok(_)) => {
                    return Err(too_large());
                }
                Some(Err(error)) => return Err(from_transport(&error, Sends::Whole)),
                None => {
                    let rest = std::mem::take(&mut self.lines.waiting);
                    self.lines.line(&String::from_utf8_lossy(&rest));
                    self.lines.end();
                    return Ok(self.lines.ready.pop_front());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_however_they_are_cut() {
        let text = ": hello\r\nevent: status\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata: x\n\nid: 4\n\ndata: [DONE]\n\n";
        let event = |name: &str, data: &str| Event { name: name.into(), data: data.into() };
        let wanted = [event("status", "{\"a\":\n1}"), event("", "x"), event("", "[DONE]")];
        for size in [1, 2, 7, text.len()] {
            let mut lines = Lines::default();
            assert!(text.as_bytes().chunks(size).all(|c| lines.push(c)));
            assert_eq!(Vec::from(lines.ready), wanted);
        }
        assert!(!Lines::default().push(&vec![b'x'; MOST + 1]));
    }
}
