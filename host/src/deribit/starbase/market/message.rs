//! The messages of schema 2102, and how one is told by its template and its length.
//!
//! Version 0 used templates 10 to 16 for other messages, some of them as long as those of version 1, so
//! that a message of version 0 with one of them is never read as what version 1 means by it.

use std::marker::PhantomData;

use super::error::{DecodeError, Fault, Item};
use super::layout::*;
use crate::book::Side;
use crate::deribit::legacy::Layout;

/// Templates that version 0 used for other messages.
const OTHERWISE_IN_VERSION_0: std::ops::RangeInclusive<u16> = 10..=16;

/// A message, as a view on the payload.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Template 10.
    Definition(Definition<'a>),
    /// Template 11.
    IndexDefinition(IndexDefinition<'a>),
    /// Template 12.
    IndexInfo(IndexInfo<'a>),
    /// Template 14.
    InstrumentInfo(InstrumentInfo<'a>),
    /// Template 15.
    InstrumentRef(InstrumentRef<'a>),
    /// Template 16.
    Status(InstrumentStatusUpdate<'a>),
    /// Templates 20 (bid) and 21 (ask).
    Put(Side, Put<'a>),
    /// Templates 20 and 21 of version 0.
    UnsortedPut(Side, UnsortedPut<'a>),
    /// Templates 22 (bid) and 23 (ask).
    QuantityReduced(Side, QuantityReduced<'a>),
    /// Templates 24 (bid) and 25 (ask).
    Delete(Side, Delete<'a>),
    /// Template 30.
    TradeSummary(TradeSummary<'a>),
    /// Template 31.
    Trade(Trade<'a>),
    /// Template 33, of version 1 or 2.
    BlockTrade(BlockTrade<'a>),
    /// Template 100.
    SnapshotHeader(SnapshotHeader<'a>),
    /// Template 101.
    SnapshotTrailer(SnapshotTrailer<'a>),
    /// Template 119.
    EndOfCycle(EndOfCycle<'a>),
    /// Template 200.
    RetransmitRequest(RetransmitRequest<'a>),
    /// Template 202.
    RetransmitReject(RetransmitReject<'a>),
    /// A template, or a length of a known template, that this version does not know: skipped.
    Unknown(Unknown),
}

/// A message that was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Its template.
    pub template: u16,
    /// Its length without its header.
    pub body_bytes: usize,
}

impl Unknown {
    /// Whether the template is known, and only the length is not.
    pub fn is_known_template(&self) -> bool {
        MESSAGES.iter().any(|layout| layout.template == self.template)
    }

    /// Whether the message may have changed a book.
    pub fn may_change_book(&self) -> bool {
        (BID_PUT.template..=ASK_DELETE.template).contains(&self.template)
    }
}

/// Whether a body is as long as the layout, with its padding or without it.
#[inline]
const fn has_length(body: &[u8], layout: &Layout) -> bool {
    let message_bytes = MESSAGE_HEADER.block_bytes + layout.block_bytes;
    let padded_bytes = message_bytes.next_multiple_of(ALIGNMENT_BYTES) - MESSAGE_HEADER.block_bytes;
    body.len() == layout.block_bytes || body.len() == padded_bytes
}

impl<'a> Message<'a> {
    /// Reads a message without groups; `body` is what follows its header.
    #[inline]
    pub(super) fn read(template: u16, version: u16, body: &'a [u8]) -> Self {
        let known = if version == 0 && OTHERWISE_IN_VERSION_0.contains(&template) {
            None
        } else {
            Self::read_known(template, body)
        };
        known.unwrap_or_else(|| Self::unknown(template, body))
    }

    pub(super) fn unknown(template: u16, body: &[u8]) -> Self {
        Self::Unknown(Unknown { template, body_bytes: body.len() })
    }

    #[inline]
    fn read_known(template: u16, body: &'a [u8]) -> Option<Self> {
        /// The view, if the body has its length.
        macro_rules! exactly {
            ($view:ident, $layout:ident) => {
                $view::view(body).filter(|_| has_length(body, &$layout))
            };
        }
        match template {
            20 => Self::put(Side::Bid, body),
            21 => Self::put(Side::Ask, body),
            22 => exactly!(QuantityReduced, BID_QUANTITY_REDUCED).map(|view| Self::QuantityReduced(Side::Bid, view)),
            23 => exactly!(QuantityReduced, ASK_QUANTITY_REDUCED).map(|view| Self::QuantityReduced(Side::Ask, view)),
            24 => exactly!(Delete, BID_DELETE).map(|view| Self::Delete(Side::Bid, view)),
            25 => exactly!(Delete, ASK_DELETE).map(|view| Self::Delete(Side::Ask, view)),
            11 => exactly!(IndexDefinition, INDEX_DEFINITION).map(Self::IndexDefinition),
            12 => exactly!(IndexInfo, INDEX_INFO).map(Self::IndexInfo),
            14 => exactly!(InstrumentInfo, INSTRUMENT_INFO).map(Self::InstrumentInfo),
            15 => exactly!(InstrumentRef, INSTRUMENT_REF).map(Self::InstrumentRef),
            16 => exactly!(InstrumentStatusUpdate, INSTRUMENT_STATUS_UPDATE).map(Self::Status),
            30 => exactly!(TradeSummary, TRADE_SUMMARY).map(Self::TradeSummary),
            31 => exactly!(Trade, TRADE).map(Self::Trade),
            33 => exactly!(BlockTrade, BLOCK_TRADE)
                .or_else(|| BlockTrade::view(exactly!(BlockTradeDelayed, BLOCK_TRADE_DELAYED)?.block_trade()))
                .map(Self::BlockTrade),
            100 => exactly!(SnapshotHeader, SNAPSHOT_HEADER).map(Self::SnapshotHeader),
            101 => exactly!(SnapshotTrailer, SNAPSHOT_TRAILER).map(Self::SnapshotTrailer),
            119 => exactly!(EndOfCycle, END_OF_CYCLE).map(Self::EndOfCycle),
            200 => exactly!(RetransmitRequest, RETRANSMIT_REQUEST).map(Self::RetransmitRequest),
            202 => exactly!(RetransmitReject, RETRANSMIT_REJECT).map(Self::RetransmitReject),
            _ => None,
        }
    }

    #[inline]
    fn put(side: Side, body: &'a [u8]) -> Option<Self> {
        if has_length(body, &BID_PUT) {
            return Put::view(body).map(|put| Self::Put(side, put));
        }
        UnsortedPut::view(body).filter(|_| has_length(body, &UNSORTED_BID_PUT)).map(|put| Self::UnsortedPut(side, put))
    }
}

/// Definition of an instrument with its groups (template 10).
#[derive(Clone, Copy, Debug)]
pub struct Definition<'a> {
    /// The fixed block.
    pub instrument: InstrumentDefinition<'a>,
    /// Price increments of higher prices.
    pub large_tick_sizes: Group<'a, LargeTickSize<'a>>,
    /// Legs of a combination.
    pub legs: Group<'a, Leg<'a>>,
}

impl<'a> Definition<'a> {
    /// Reads a definition; `None` if the body is shorter than its block and has no groups to look for.
    ///
    /// The wire does not give the length of the block. So the groups must have the known entries and
    /// fill the message up to its padding: else the block has grown and its end is unknown.
    pub(super) fn read(body: &'a [u8], offset_bytes: usize) -> Result<Option<Self>, DecodeError> {
        let Some(instrument) = InstrumentDefinition::view(body) else { return Ok(None) };
        let mut groups = GroupReader { body, position: InstrumentDefinition::BLOCK_BYTES, offset_bytes };
        let large_tick_sizes = groups.group()?;
        let legs = groups.group()?;
        groups.finish()?;
        Ok(Some(Self { instrument, large_tick_sizes, legs }))
    }
}

struct GroupReader<'a> {
    body: &'a [u8],
    position: usize,
    /// Where the body starts in the payload, for errors.
    offset_bytes: usize,
}

impl<'a> GroupReader<'a> {
    fn fail(&self, fault: Fault) -> DecodeError {
        let template = Some(INSTRUMENT_DEFINITION.template);
        DecodeError { template, offset_bytes: self.offset_bytes + self.position, fault }
    }

    fn take(&mut self, bytes: usize, item: Item) -> Result<&'a [u8], DecodeError> {
        let rest = self.body.get(self.position..).unwrap_or(&[]);
        let taken = rest
            .get(..bytes)
            .ok_or_else(|| self.fail(Fault::Short { item, needed_bytes: bytes, available_bytes: rest.len() }))?;
        self.position += bytes;
        Ok(taken)
    }

    fn group<E: GroupEntry<'a>>(&mut self) -> Result<Group<'a, E>, DecodeError> {
        let start = self.position;
        let header = self.take(GroupHeader::BLOCK_BYTES, Item::GroupHeader)?;
        let (entry_bytes, entry_count) = match GroupHeader::view(header) {
            Some(header) => (usize::from(header.block_length()), usize::from(header.num_in_group())),
            None => (0, 0),
        };
        if entry_bytes != E::BLOCK_BYTES {
            self.position = start;
            return Err(self.fail(Fault::GroupEntry { declared_bytes: entry_bytes, known_bytes: E::BLOCK_BYTES }));
        }
        let entries = self.take(entry_bytes * entry_count, Item::GroupEntries)?;
        Ok(Group { entries, entry: PhantomData })
    }

    fn finish(&self) -> Result<(), DecodeError> {
        let surplus_bytes = self.body.len() - self.position;
        if surplus_bytes < ALIGNMENT_BYTES {
            return Ok(());
        }
        Err(self.fail(Fault::Surplus { item: Item::Message, surplus_bytes }))
    }
}

/// An entry of a group, as a view on its block.
pub trait GroupEntry<'a>: Copy {
    /// Length of an entry.
    const BLOCK_BYTES: usize;
    /// Views the entry; `None` if `block` is shorter than [`Self::BLOCK_BYTES`].
    fn view(block: &'a [u8]) -> Option<Self>;
}

impl<'a> GroupEntry<'a> for LargeTickSize<'a> {
    const BLOCK_BYTES: usize = LARGE_TICK_SIZE.block_bytes;
    fn view(block: &'a [u8]) -> Option<Self> {
        Self::view(block)
    }
}

impl<'a> GroupEntry<'a> for Leg<'a> {
    const BLOCK_BYTES: usize = LEG.block_bytes;
    fn view(block: &'a [u8]) -> Option<Self> {
        Self::view(block)
    }
}

/// The entries of a group, in wire order, read where they lie.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a, E> {
    entries: &'a [u8],
    entry: PhantomData<E>,
}

impl<'a, E: GroupEntry<'a>> Iterator for Group<'a, E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        let (block, rest) = self.entries.split_at_checked(E::BLOCK_BYTES)?;
        self.entries = rest;
        E::view(block)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.entries.len() / E::BLOCK_BYTES;
        (left, Some(left))
    }
}

impl<'a, E: GroupEntry<'a>> ExactSizeIterator for Group<'a, E> {}
