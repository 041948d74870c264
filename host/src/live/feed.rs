//! The feed as the engine sees it: channels with their books, and the prices that ride along.
//!
//! ```text
//!   datagram ──► channel by its number ──► books: whole transactions ──► changed instruments
//!                       └──► Notes: marks, indices, last trades, by the venue's numbers
//! ```
//!
//! Invariants: everything is integers as on the wire; a price never replaces a newer one.

use std::collections::BTreeMap;

use super::second::Second;
use crate::deribit::starbase::market::layout::PacketHeader;
use crate::deribit::starbase::market::{Channel, ChannelSettings, DecodeError, Framed, Message, Observer, Source};

/// A price and when the venue stated it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// 10^-9.
    pub price: i64,
    /// Time of its transaction, ns since 1970 UTC.
    pub time_ns: u64,
}

/// Prices that ride along with the books.
#[derive(Debug, Default)]
pub struct Notes {
    /// Marks, by instrument.
    pub marks: BTreeMap<i64, Stated>,
    /// Indices.
    pub indices: BTreeMap<i64, Stated>,
    /// Last trades, of instruments that are entered here.
    pub trades: BTreeMap<i64, Stated>,
    /// Datagrams that could not be read.
    pub errors: u64,
}

impl Notes {
    fn take(&mut self, framed: &Framed<'_>) {
        let time_ns = u64::try_from(framed.transact_time_ns).unwrap_or(0);
        let newer = |prices: &mut BTreeMap<i64, Stated>, id: i64, price: i64| {
            let stated = prices.entry(id).or_default();
            if time_ns >= stated.time_ns && price > 0 {
                *stated = Stated { price, time_ns };
            }
        };
        match &framed.message {
            Message::InstrumentInfo(info) => {
                if let Some(price) = info.mark_price() {
                    newer(&mut self.marks, info.instrument_id(), price);
                }
            }
            Message::IndexInfo(info) => {
                if let Some(price) = info.index_price() {
                    newer(&mut self.indices, info.index_id(), price);
                }
            }
            Message::Trade(trade) => {
                if let (Some(price), Some(stated)) = (trade.fill_price(), self.trades.get_mut(&trade.instrument_id()))
                    && time_ns >= stated.time_ns
                {
                    *stated = Stated { price, time_ns };
                }
            }
            _ => {}
        }
    }
}

impl Observer for Notes {
    fn on_message(&mut self, _seq: i64, framed: &Framed<'_>) {
        self.take(framed);
    }

    fn on_snapshot(&mut self, framed: &Framed<'_>) {
        self.take(framed);
    }

    fn on_error(&mut self, _channel_id: i32, _error: &DecodeError) {
        self.errors += 1;
    }
}

/// A channel.
#[derive(Debug)]
pub struct FeedChannel {
    /// The venue's number.
    pub id: i32,
    /// Its books.
    pub channel: Channel,
    /// When the venue sent the newest of its packets, ns since 1970 UTC.
    pub sent_ns: u64,
    /// What was told of it.
    pub told: ToldOfChannel,
}

/// What alarms were raised of a channel on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToldOfChannel {
    /// Since when it is looked at, ns; 0 for not yet.
    pub since_ns: u64,
    /// Messages lost.
    pub lost: u64,
    /// Whether it is silent.
    pub is_silent: bool,
    /// Whether line B brings it.
    pub is_line_b: Option<bool>,
    /// Messages that each line brought first.
    pub first: [u64; 2],
    /// Datagrams of each line.
    pub packets: [u64; 2],
    /// Those with nothing new.
    pub old: u64,
    /// Those too early or not to be believed.
    pub odd: u64,
    /// Packets and messages that could not be read.
    pub unreadable: u64,
}

/// All channels.
#[derive(Debug)]
pub struct Feed {
    /// By index.
    pub channels: Vec<FeedChannel>,
    /// What rides along.
    pub notes: Notes,
    /// Datagrams of channels that are not configured, or too short to tell.
    pub foreign: u64,
    /// What stands in for it, if anything does.
    pub second: Option<Second>,
}

impl Feed {
    /// Channels that have received nothing, and a second feed.
    pub fn new(ids: impl IntoIterator<Item = i32>, second: Option<Second>) -> Self {
        let channel = |id| FeedChannel {
            id,
            channel: Channel::new(ChannelSettings::new(id)),
            sent_ns: 0,
            told: ToldOfChannel::default(),
        };
        Self { channels: ids.into_iter().map(channel).collect(), notes: Notes::default(), foreign: 0, second }
    }

    /// Takes a datagram; returns the index of its channel.
    #[inline]
    pub fn on_datagram(&mut self, source: Source, payload: &[u8], now_ns: u64) -> Option<usize> {
        let header = Header::read(payload);
        let at = header.and_then(|header| self.channels.iter().position(|channel| channel.id == header.channel_id));
        let (Some(header), Some(at)) = (header, at) else {
            self.foreign += 1;
            return None;
        };
        let Self { channels, notes, .. } = self;
        let channel = &mut channels[at];
        channel.channel.on_datagram(source, payload, now_ns, notes);
        if header.is_incremental && source != Source::Unicast {
            channel.sent_ns = channel.sent_ns.max(header.sending_time_ns);
        }
        Some(at)
    }
}

/// What is read of a packet to know where it belongs; the channel checks the rest.
#[derive(Clone, Copy)]
struct Header {
    sending_time_ns: u64,
    channel_id: i32,
    is_incremental: bool,
}

impl Header {
    fn read(payload: &[u8]) -> Option<Self> {
        let view = PacketHeader::view(payload)?;
        Some(Self {
            sending_time_ns: u64::try_from(view.sending_time()).unwrap_or(0),
            channel_id: view.channel_id(),
            is_incremental: view.kind().0 == 1,
        })
    }
}
