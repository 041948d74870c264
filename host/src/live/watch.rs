//! What the engine watches on the feed: which books may be believed, what is counted on the channels, and whose
//! instruments are defined, so that their gateways can be opened.

use super::alarm::Alarm;
use super::engine::{Engine, Output};
use super::feed::Feed;
use super::gate::Gate;
use crate::deribit::starbase::market::{ChannelState, Doubt};
use crate::deribit::starbase::orders::hedges::HedgeRules;

/// A channel that has never spoken is silent after this, ns: several heartbeats of the venue.
const UNHEARD_NS: u64 = 5_000_000_000;

impl Engine {
    pub(super) fn poll_channel(&mut self, channel: usize, now_ns: u64) {
        let Feed { channels, notes, .. } = &mut self.feed;
        if let Some(request) = channels[channel].channel.poll(now_ns, notes) {
            self.outputs.push_back(Output::Retransmit(channel, Box::new(request)));
        }
        self.look_at_books(now_ns);
    }

    /// Raises what began and clears what is over, of every book that hedges trade on.
    pub(super) fn look_at_books(&mut self, now_ns: u64) {
        for index in 0..self.desks.len() {
            if self.desks[index].hedge.is_none() {
                continue;
            }
            let doubt = self.doubt_of_quotes(index, now_ns);
            let desk = &mut self.desks[index];
            // Between two packets of one transaction nothing is decided, and nothing is amiss.
            if doubt == Some(Doubt::OpenTransaction) {
                continue;
            }
            match desk.blind_ns {
                None if doubt.is_some() => desk.blind_ns = Some(now_ns),
                Some(since_ns) if doubt.is_some() => {
                    if now_ns.saturating_sub(since_ns) >= self.live.blind_ns {
                        self.cancel_hedges(index);
                    }
                }
                _ => self.desks[index].blind_ns = None,
            }
            let desk = &mut self.desks[index];
            if desk.doubt == doubt {
                continue;
            }
            desk.doubt = doubt;
            desk.is_dirty = true;
            let underlying = desk.plan.index;
            let is_same =
                |on: &Alarm| matches!(on, Alarm::BookInDoubt { underlying: other, .. } if *other == underlying);
            match doubt {
                Some(doubt) => self.alarms.raise(now_ns, Alarm::BookInDoubt { underlying, doubt }, is_same),
                None => self.alarms.clear(now_ns, is_same),
            }
        }
    }

    /// Says whether the card that was to answer does.
    pub(super) fn look_at_card(&mut self, now_ns: u64) {
        let is_down = self.driver.is_on_card() == Some(false) && self.fatal.is_none();
        if is_down == self.is_card_down {
            return;
        }
        self.is_card_down = is_down;
        let is_same = |on: &Alarm| *on == Alarm::CardDown {};
        if is_down {
            self.alarms.raise(now_ns, Alarm::CardDown {}, is_same);
        } else {
            self.alarms.clear(now_ns, is_same);
        }
    }

    /// Looks at what is counted on the channels, now and then.
    pub(super) fn look_at_channels(&mut self, now_ns: u64) {
        for channel in &mut self.feed.channels {
            let (id, counts) = (channel.id, channel.channel.counts());
            let mut told = channel.told;
            if counts.messages_lost > told.lost {
                told.lost = counts.messages_lost;
                self.alarms.tell(now_ns, Alarm::MessagesLost { channel_id: id, messages: told.lost });
            }
            let first = counts.lines.map(|line| line.messages_first);
            let brought = [first[0] - told.first[0], first[1] - told.first[1]];
            told.first = first;
            if brought[0] + brought[1] > 0 {
                let is_line_b = brought[1] > brought[0];
                if told.is_line_b.replace(is_line_b).is_some_and(|before| before != is_line_b) {
                    self.alarms.tell(now_ns, Alarm::LineChanged { channel_id: id, is_line_b });
                }
            }
            let packets = counts.lines.map(|line| line.packets);
            let old = counts.lines.iter().map(|line| line.packets_old).sum::<u64>();
            let came = [packets[0] - told.packets[0], packets[1] - told.packets[1]];
            // What both lines bring is old once, and nothing is amiss.
            let twice = (old - told.old).saturating_sub(came[0].min(came[1]));
            let odd = counts.early_packets + counts.wild_packets;
            let (more_dirty, more) = (twice + odd - told.odd, came[0] + came[1]);
            (told.packets, told.old, told.odd) = (packets, old, odd);
            let is_same = |on: &Alarm| matches!(on, Alarm::FeedDirty { channel_id, .. } if *channel_id == id);
            if more_dirty * 1_000 > more {
                let alarm = Alarm::FeedDirty { channel_id: id, datagrams: more_dirty };
                if !self.alarms.on().iter().any(is_same) {
                    self.alarms.raise(now_ns, alarm, is_same);
                }
            } else {
                self.alarms.clear(now_ns, is_same);
            }
            let unreadable = counts.refused_packets + counts.messages.errors;
            let errors = unreadable - std::mem::replace(&mut told.unreadable, unreadable);
            let is_same = |on: &Alarm| matches!(on, Alarm::FeedUnreadable { channel_id, .. } if *channel_id == id);
            if errors == 0 {
                self.alarms.clear(now_ns, is_same);
            } else if !self.alarms.on().iter().any(is_same) {
                self.alarms.raise(now_ns, Alarm::FeedUnreadable { channel_id: id, errors }, is_same);
            }
            if told.since_ns == 0 {
                told.since_ns = now_ns;
            }
            let is_unheard = channel.channel.state() == ChannelState::Unstarted
                && now_ns.saturating_sub(told.since_ns) >= UNHEARD_NS;
            let is_silent = channel.channel.is_silent() || is_unheard;
            let is_same = |on: &Alarm| *on == Alarm::ChannelSilent { channel_id: id };
            match (told.is_silent, is_silent) {
                (false, true) => self.alarms.raise(now_ns, Alarm::ChannelSilent { channel_id: id }, is_same),
                (true, false) => self.alarms.clear(now_ns, is_same),
                _ => {}
            }
            told.is_silent = is_silent;
            channel.told = told;
        }
    }

    /// Finds instruments whose definitions have come, and makes gateways whose instruments are all known.
    pub(super) fn define(&mut self, now_ns: u64) {
        if self.gates.iter().all(Option::is_some) || now_ns.saturating_sub(self.first_ns) < self.plan.market.warm_up_ns
        {
            return;
        }
        for desk in self.desks.iter_mut().filter(|desk| desk.hedge.is_none() && !desk.is_contradicted) {
            let fee = self.live.gateways[desk.gateway].maker_fee_nano;
            for (index, channel) in self.feed.channels.iter().enumerate() {
                if channel.channel.state() == ChannelState::Live && desk.define(index, &channel.channel, fee) {
                    break;
                }
            }
            if desk.is_contradicted {
                self.alarms.tell(now_ns, Alarm::DefinitionDiffers { underlying: desk.plan.index });
            }
            if let Some(hedge) = &desk.hedge {
                self.feed.notes.trades.entry(hedge.terms.instrument_id).or_default();
                desk.is_dirty = true;
            }
        }
        for gateway in 0..self.gates.len() {
            self.open_gate(gateway, now_ns);
        }
    }

    fn open_gate(&mut self, gateway: usize, now_ns: u64) {
        let plan = &self.live.gateways[gateway];
        let desks: Vec<usize> = plan.underlyings.iter().map(|index| usize::from(*index)).collect();
        let is_known = desks.iter().all(|desk| self.desks[*desk].hedge.is_some());
        if self.gates[gateway].is_some() || !is_known || self.fatal.is_some() {
            return;
        }
        let (mut terms, mut rules) = (Vec::new(), Vec::new());
        for (terms_index, desk) in desks.iter().map(|desk| &self.desks[*desk]).enumerate() {
            let known = desk.hedge.zip(desk.plan.escalation);
            let Some((hedge, policy)) = known else { return };
            terms.push(hedge.terms);
            rules.push(HedgeRules { underlying: desk.plan.index, terms_index, policy });
        }
        let image = self.image.gateways.get(&(gateway as u8));
        let mut gate = Gate::new(gateway as u8, plan, self.secrets[gateway], (terms, &rules), image, now_ns);
        gate.start(now_ns);
        self.gates[gateway] = Some(gate);
        self.alarms.raise(now_ns, Alarm::SessionDown { gateway: gateway as u8 }, |on| {
            *on == Alarm::SessionDown { gateway: gateway as u8 }
        });
        for desk in desks {
            self.take_over(desk, now_ns);
        }
    }
}
