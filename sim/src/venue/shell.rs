//! Sockets and a clock around the venue: one thread, nothing blocks. What the venue says is sent at once; a
//! connection that does not read is closed when too much waits for it.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Line, Output, StreamOutput, Venue};

/// Most bytes that wait for a connection.
const PENDING_BYTES_MAX: usize = 4 << 20;
/// Bytes read from a socket at once.
const READ_BYTES: usize = 64 << 10;
/// Reads of a socket before others have their turn.
const READS_MAX: usize = 16;
/// Longest rest of a venue with nothing to do.
const REST: Duration = Duration::from_micros(100);

/// Where a venue is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Order entry, TCP.
    pub orders: SocketAddr,
    /// Requests for retransmission, UDP; multicast leaves from its interface.
    pub retransmit: SocketAddr,
    /// Incremental groups of lines A and B.
    pub incremental: [SocketAddrV4; 2],
    /// Snapshot groups of lines A and B.
    pub snapshot: [SocketAddrV4; 2],
    /// Group of the legacy multicast's events; its snapshots go to the next port.
    pub legacy: Option<SocketAddrV4>,
}

/// What the sockets did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ShellCounts {
    /// Datagrams that the system did not take.
    pub unsent_datagrams: u64,
    /// Connections closed because they did not read.
    pub slow_connections: u64,
}

/// The sockets of a venue.
#[derive(Debug)]
pub struct Shell {
    addresses: Addresses,
    listener: TcpListener,
    unicast: UdpSocket,
    multicast: UdpSocket,
    streams: BTreeMap<u64, Stream>,
    connections: u64,
    /// Who asked for retransmission, by the number that the venue knows them by.
    requesters: Vec<SocketAddr>,
    counts: ShellCounts,
}

#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    pending: Vec<u8>,
    is_closing: bool,
}

/// Most requesters that are told apart; a new one takes the place of the oldest.
const REQUESTERS_MAX: usize = 1_024;

impl Shell {
    /// Opens the sockets.
    ///
    /// # Errors
    /// What the system says of the address that cannot be had.
    pub fn open(addresses: Addresses) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addresses.orders)?;
        listener.set_nonblocking(true)?;
        let unicast = UdpSocket::bind(addresses.retransmit)?;
        unicast.set_nonblocking(true)?;
        // Linux sends multicast from the interface of the socket's address, so that loopback stays loopback.
        let multicast = UdpSocket::bind((addresses.retransmit.ip(), 0))?;
        multicast.set_nonblocking(true)?;
        let (streams, requesters) = (BTreeMap::new(), vec![]);
        let counts = ShellCounts::default();
        Ok(Self { addresses, listener, unicast, multicast, streams, connections: 0, requesters, counts })
    }

    /// Where order entry and retransmission are reached: with the ports that the system chose for 0.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.listener.local_addr()?, self.unicast.local_addr()?))
    }

    /// Serves until told to stop, or for so long. Returns what the sockets did.
    pub fn serve(&mut self, venue: &mut Venue, clock: &Clock, stop: &AtomicBool, end_ns: Option<i64>) -> ShellCounts {
        while !stop.load(Ordering::Relaxed) {
            let now_ns = clock.now_ns();
            if end_ns.is_some_and(|end_ns| now_ns >= end_ns) {
                break;
            }
            let is_busy = self.receive(venue, now_ns);
            venue.advance(now_ns);
            let has_sent = self.send(venue, now_ns);
            if !is_busy && !has_sent {
                let due = Duration::from_nanos((venue.deadline_ns() - clock.now_ns()).max(0).unsigned_abs());
                std::thread::sleep(due.min(REST));
            }
        }
        self.counts
    }

    /// Takes what has come. Returns whether anything had.
    fn receive(&mut self, venue: &mut Venue, now_ns: i64) -> bool {
        let mut is_busy = false;
        while let Ok((socket, _)) = self.listener.accept() {
            is_busy = true;
            if socket.set_nonblocking(true).and_then(|()| socket.set_nodelay(true)).is_err() {
                continue;
            }
            self.connections += 1;
            self.streams.insert(self.connections, Stream { socket, pending: vec![], is_closing: false });
            venue.connected(now_ns, self.connections);
        }
        let mut bytes = vec![0; READ_BYTES];
        let mut gone = vec![];
        for (connection, stream) in &mut self.streams {
            for _ in 0..READS_MAX {
                match stream.socket.read(&mut bytes) {
                    Ok(0) => gone.push(*connection),
                    Ok(len) => {
                        is_busy = true;
                        venue.on_bytes(now_ns, *connection, &bytes[..len]);
                        continue;
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                    Err(_) => gone.push(*connection),
                }
                break;
            }
        }
        for connection in gone {
            self.streams.remove(&connection);
            venue.disconnected(now_ns, connection);
        }
        for _ in 0..READS_MAX {
            let Ok((len, from)) = self.unicast.recv_from(&mut bytes) else { break };
            is_busy = true;
            let requester = self.requester(from);
            venue.on_datagram(now_ns, requester, &bytes[..len]);
        }
        is_busy
    }

    fn requester(&mut self, from: SocketAddr) -> u64 {
        let known = self.requesters.iter().position(|known| *known == from);
        let place = known.unwrap_or_else(|| {
            if self.requesters.len() >= REQUESTERS_MAX {
                self.requesters.clear();
            }
            self.requesters.push(from);
            self.requesters.len() - 1
        });
        place as u64
    }

    /// Sends what the venue says. Returns whether it said anything.
    fn send(&mut self, venue: &mut Venue, now_ns: i64) -> bool {
        let mut has_sent = false;
        while let Some(output) = venue.next_output(now_ns) {
            has_sent = true;
            match output {
                Output::Multicast { line, is_snapshot, bytes } => {
                    let groups = if is_snapshot { self.addresses.snapshot } else { self.addresses.incremental };
                    let sent = self.multicast.send_to(&bytes, groups[usize::from(line == Line::B)]);
                    self.counts.unsent_datagrams += u64::from(sent.is_err());
                }
                Output::Legacy { is_snapshot, bytes } => {
                    let Some(group) = self.addresses.legacy else { continue };
                    let port = group.port().saturating_add(u16::from(is_snapshot));
                    let sent = self.multicast.send_to(&bytes, SocketAddrV4::new(*group.ip(), port));
                    self.counts.unsent_datagrams += u64::from(sent.is_err());
                }
                Output::Unicast { to, bytes } => {
                    let to = usize::try_from(to).ok().and_then(|place| self.requesters.get(place));
                    let is_sent = to.is_some_and(|to| self.unicast.send_to(&bytes, to).is_ok());
                    self.counts.unsent_datagrams += u64::from(!is_sent);
                }
                Output::Stream(StreamOutput::Bytes(connection, bytes)) => {
                    if let Some(stream) = self.streams.get_mut(&connection) {
                        stream.pending.extend(bytes);
                    }
                }
                Output::Stream(StreamOutput::Close(connection)) => {
                    if let Some(stream) = self.streams.get_mut(&connection) {
                        stream.is_closing = true;
                    }
                }
            }
        }
        self.write(venue, now_ns);
        has_sent
    }

    /// Writes what waits, and drops connections that are done or do not read.
    fn write(&mut self, venue: &mut Venue, now_ns: i64) {
        let mut lost = vec![];
        let counts = &mut self.counts;
        self.streams.retain(|connection, stream| {
            let is_open = write_pending(stream);
            let is_slow = stream.pending.len() > PENDING_BYTES_MAX;
            counts.slow_connections += u64::from(is_slow);
            if !is_open || is_slow {
                lost.push(*connection);
                return false;
            }
            !(stream.is_closing && stream.pending.is_empty())
        });
        for connection in lost {
            venue.disconnected(now_ns, connection);
        }
    }
}

/// Writes what a connection takes now. Returns whether it is still there.
fn write_pending(stream: &mut Stream) -> bool {
    while !stream.pending.is_empty() {
        match stream.socket.write(&stream.pending) {
            Ok(0) => return false,
            Ok(len) => drop(stream.pending.drain(..len)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
    true
}

/// Time since the epoch that never steps back.
#[derive(Debug)]
pub struct Clock {
    epoch_ns: i64,
    start: Instant,
}

impl Clock {
    /// A clock that begins with the system's.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch_ns = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX / 2);
        Self { epoch_ns, start: Instant::now() }
    }

    /// The time, ns since the epoch.
    pub fn now_ns(&self) -> i64 {
        self.epoch_ns + i64::try_from(self.start.elapsed().as_nanos()).unwrap_or(i64::MAX / 2)
    }
}
