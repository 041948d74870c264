//! What leaves the venue: reports and changes in order, packets on their lines, snapshots in their round, and what
//! the faults make of them.

use super::gateway::Fate;
use super::wire::Body;
use super::{Line, Lines, Output, Side, StreamOutput, Venue, legacy, market};

impl Venue {
    /// Tells every channel what is listed.
    pub(super) fn announce(&mut self, now_ns: i64) {
        for place in 0..self.feeds.len() {
            let mut bodies: Vec<Body> = self.exchange.indexes.iter().map(market::index_definition).collect();
            for instrument in &self.feeds[place].1.instruments {
                let instrument = &self.exchange.instruments[*instrument];
                bodies.push(market::definition(instrument, &self.exchange.indexes[instrument.index]));
            }
            self.send_transaction(now_ns, place, &bodies);
        }
    }

    /// Sends what the engine and the sessions have said.
    pub(super) fn flush(&mut self, now_ns: i64) {
        while let Some(event) = self.gateway.next_lost() {
            self.on_session(now_ns, event);
        }
        for (member, body) in std::mem::take(&mut self.exchange.out.reports) {
            let fate = if self.faults.drops_report() { Fate::Dropped } else { Fate::Sent };
            let delay_ns = self.faults.report_delay_ns();
            if let Some(connection) = self.gateway.connection_of(member).filter(|_| delay_ns > 0) {
                let free_ns = self.stream_free_ns.entry(connection).or_default();
                *free_ns = (*free_ns).max(now_ns.saturating_add(delay_ns));
            }
            self.gateway.report(now_ns, member, &body, fate);
        }
        while let Some(output) = self.gateway.next_output() {
            self.send_stream(now_ns, output);
        }
        let changes = std::mem::take(&mut self.exchange.out.changes);
        if changes.is_empty() {
            return;
        }
        if let Some(legacy) = &mut self.legacy {
            let changed: Vec<usize> = changes.iter().map(|(instrument, _)| *instrument).collect();
            let packets = legacy.changed(now_ns, &changed, &self.exchange);
            self.send_legacy(now_ns, packets);
        }
        let mut of_feed: Vec<Vec<Body>> = vec![vec![]; self.feeds.len()];
        for (instrument, body) in changes {
            of_feed[self.feed_of[instrument]].push(body);
        }
        for (place, bodies) in of_feed.iter().enumerate().filter(|(_, bodies)| !bodies.is_empty()) {
            self.send_transaction(now_ns, place, bodies);
        }
    }

    /// Tells every channel the index and its instruments' marks and price limits.
    pub(super) fn send_marks(&mut self, now_ns: i64) {
        for place in 0..self.feeds.len() {
            let mut bodies: Vec<Body> = self.exchange.indexes.iter().map(market::index_info).collect();
            let instruments = self.feeds[place].1.instruments.iter();
            bodies.extend(instruments.map(|instrument| market::info(&self.exchange.instruments[*instrument])));
            self.send_transaction(now_ns, place, &bodies);
        }
        if let Some(legacy) = &mut self.legacy {
            let packets = legacy.tickers(now_ns, &self.exchange);
            self.send_legacy(now_ns, packets);
        }
    }

    /// Sends the legacy feed's round of snapshots, if it is due.
    pub(super) fn send_legacy_snapshots(&mut self, now_ns: i64) {
        if let Some(legacy) = self.legacy.as_mut().filter(|legacy| legacy.deadline_ns() <= now_ns) {
            let packets = legacy.snapshots(now_ns, &self.exchange);
            self.send_legacy(now_ns, packets);
        }
    }

    fn send_legacy(&mut self, now_ns: i64, packets: Vec<legacy::Packet>) {
        for (is_snapshot, bytes) in packets {
            self.send(now_ns, Output::Legacy { is_snapshot, bytes });
        }
    }

    fn send_transaction(&mut self, now_ns: i64, place: usize, bodies: &[Body]) {
        let packets = self.feeds[place].0.transaction(now_ns, bodies);
        self.send_packets(now_ns, false, &packets);
    }

    /// Sends the next part of a round of snapshots.
    pub(super) fn send_snapshot(&mut self, now_ns: i64, place: usize) {
        let (feed, cycle) = &mut self.feeds[place];
        let steps = cycle.instruments.len() + 2;
        let bodies = match cycle.step.checked_sub(1) {
            None => self.exchange.indexes.iter().map(market::index_info).collect(),
            Some(step) => match cycle.instruments.get(step) {
                Some(instrument) => {
                    let (terms, book) = (&self.exchange.instruments[*instrument], self.exchange.book(*instrument));
                    let mut inner = vec![
                        market::definition(terms, &self.exchange.indexes[terms.index]),
                        market::info(terms),
                        market::reference(terms, self.exchange.open_interest(*instrument)),
                    ];
                    let orders = book.orders(Side::Buy).chain(book.orders(Side::Sell));
                    inner.extend(orders.map(|order| market::put(terms.id, order)));
                    feed.framed(terms.id, inner)
                }
                None => {
                    feed.counts.cycles += 1;
                    vec![market::end_of_cycle(cycle.instruments.len())]
                }
            },
        };
        cycle.step = (cycle.step + 1) % steps;
        cycle.due_ns = now_ns.saturating_add((self.settings.snapshot_cycle_ns / steps as i64).max(1));
        let packets = feed.snapshot(now_ns, &bodies);
        self.send_packets(now_ns, true, &packets);
    }

    pub(super) fn send_packets(&mut self, now_ns: i64, is_snapshot: bool, packets: &[Vec<u8>]) {
        let lines: &[Line] = match (self.settings.lines, self.line) {
            (Lines::Both, _) => &[Line::A, Line::B],
            (Lines::Active, Line::A) => &[Line::A],
            (Lines::Active, Line::B) => &[Line::B],
        };
        for packet in packets {
            if self.withheld > 0 {
                self.faults.counts.withheld += 1;
                continue;
            }
            for line in lines {
                self.send_copies(now_ns, |bytes| Output::Multicast { line: *line, is_snapshot, bytes }, packet);
            }
        }
    }

    /// Sends a datagram as the network would have it: once, twice, late, or not at all.
    pub(super) fn send_copies(&mut self, now_ns: i64, output: impl Fn(Vec<u8>) -> Output, bytes: &[u8]) {
        for delay_ns in self.faults.packet().into_iter().flatten() {
            self.send(now_ns.saturating_add(delay_ns), output(bytes.to_vec()));
        }
    }

    fn send_stream(&mut self, now_ns: i64, output: StreamOutput) {
        let (StreamOutput::Bytes(connection, _) | StreamOutput::Close(connection)) = output;
        let free_ns = self.stream_free_ns.get(&connection).copied().unwrap_or(now_ns).max(now_ns);
        if matches!(output, StreamOutput::Close(_)) {
            self.stream_free_ns.remove(&connection);
        }
        self.send(free_ns, Output::Stream(output));
    }

    fn send(&mut self, due_ns: i64, output: Output) {
        self.output_count += 1;
        self.outputs.insert((due_ns, self.output_count), output);
    }
}
