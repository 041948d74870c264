//! The one rule that holds at every moment: a book that may be believed is right.

use super::venue::{Follower, Venue};
use super::*;

/// Compares a channel with the venue's own messages, as far as the channel has got in them.
pub struct Witness {
    follower: Follower,
    next_seq: i64,
    /// Books compared.
    pub compared: u64,
}

impl Witness {
    /// Follows from the venue's first message; `state` is what was before it.
    pub fn new(state: Follower, first_seq: i64) -> Self {
        Self { follower: state, next_seq: first_seq, compared: 0 }
    }

    #[track_caller]
    pub fn check(&mut self, channel: &Channel, venue: &Venue, what: &str) {
        let Some(expected) = channel.expected_seq() else { return };
        while self.next_seq < expected {
            let (body, _) = &venue.history[(self.next_seq - venue.first_seq) as usize];
            self.follower.apply(body);
            self.next_seq += 1;
        }
        for id in &venue.instruments {
            let Some(handle) = channel.handle(*id) else { continue };
            let Ok(book) = channel.book(handle) else { continue };
            self.compared += 1;
            assert_eq!(self.follower.statuses[id], 0, "a book is believed only while its instrument is open");
            self.follower.books[id].assert_is(book, || format!("instrument {id} before {expected}, {what}"));
        }
    }
}

/// Takes note of the numbers that were delivered.
#[derive(Default)]
pub struct Delivered {
    pub last: Option<i64>,
    pub messages: u64,
    pub errors: u64,
}

impl Observer for Delivered {
    fn on_message(&mut self, seq: i64, _: &Framed<'_>) {
        if let Some(last) = self.last {
            assert!(seq > last, "{seq} after {last}");
        }
        self.last = Some(seq);
        self.messages += 1;
    }

    fn on_error(&mut self, _: i32, error: &DecodeError) {
        assert!(!error.to_string().is_empty());
        self.errors += 1;
    }
}
