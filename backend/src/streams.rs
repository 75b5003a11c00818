//! How many streams, of events or of exports, may be open: in all, and for each caller, so that one program
//! that forgets to close its streams takes none from others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;

use crate::error::Refusal;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    most: usize,
    most_of_one: usize,
    open: Arc<Mutex<HashMap<String, usize>>>,
}

/// A stream that is open, until it is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    streams: Streams,
    caller: String,
}

impl Streams {
    pub(crate) fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, open: Arc::default() }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more for a caller.
    pub(crate) fn open(&self, caller: &str) -> Result<Open, Refusal> {
        let mut all = self.all();
        let own = all.get(caller).copied().unwrap_or(0);
        if own >= self.most_of_one || all.values().sum::<usize>() >= self.most {
            return Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                "Too many streams are open already; close some, or ask again and again instead.",
            )
            .after(30));
        }
        all.insert(caller.to_owned(), own + 1);
        Ok(Open { streams: self.clone(), caller: caller.to_owned() })
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.all().values().sum()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut all = self.streams.all();
        match all.get_mut(&self.caller) {
            Some(n) if *n > 1 => *n -= 1,
            _ => drop(all.remove(&self.caller)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_streams_of_others_and_closed_ones_are_free_again() {
        let streams = Streams::new(3, 2);
        let (first, _second) = (streams.open("a").unwrap(), streams.open("a").unwrap());
        assert!(streams.open("a").is_err());
        let _other = streams.open("b").unwrap();
        assert!(streams.open("c").is_err());
        drop(first);
        assert_eq!(streams.count(), 2);
        assert!(streams.open("a").is_ok());
    }
}
