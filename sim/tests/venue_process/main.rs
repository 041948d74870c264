//! `hedgewire-venue` as a process, and its shell: real sockets on loopback, bytes by hand from the venue's tables.

#[path = "../venue/client.rs"]
#[allow(dead_code)]
mod client;
mod process;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};

use client::{Bytes, Message, Order, frame, logon_body};
use process::{VenueProcess, run, written_members};

/// A session over TCP.
struct Connection {
    stream: TcpStream,
    next_out: i64,
    last_in: i64,
}

impl Connection {
    fn open(venue: &VenueProcess) -> Self {
        let stream = TcpStream::connect(venue.orders).expect("the venue listens");
        stream.set_read_timeout(Some(process::PATIENCE)).expect("a socket");
        Self { stream, next_out: 1, last_in: 0 }
    }

    /// A connection whose logon was confirmed.
    fn log_on(venue: &VenueProcess, name: &str) -> Self {
        let mut connection = Self::open(venue);
        connection.send(1, &logon_body(name, true, true));
        assert_eq!(connection.hear().template, 2);
        connection
    }

    fn send(&mut self, template: u16, body: &[u8]) {
        let bytes = frame(template, self.next_out, self.last_in, body);
        self.next_out += 1;
        self.stream.write_all(&bytes).expect("it reads");
    }

    /// The next message that is no heartbeat.
    fn hear(&mut self) -> Message {
        loop {
            let mut header = [0; 32];
            self.stream.read_exact(&mut header).expect("a header");
            assert_eq!((header[0], header[6]), (0xdb, 15));
            let mut body = vec![0; usize::from(u16::from_le_bytes([header[2], header[3]])) - header.len()];
            self.stream.read_exact(&mut body).expect("a body");
            let word = |at: usize| i64::from_le_bytes(header[at..at + 8].try_into().expect("8 bytes"));
            let template = u16::from_le_bytes([header[4], header[5]]);
            self.last_in = word(8);
            if template != 10 {
                return Message { template, flags: header[1], seq: word(8), last_processed: word(16), body };
            }
        }
    }

    /// Whether the venue has closed it.
    fn is_closed(&mut self) -> bool {
        self.stream.read_to_end(&mut Vec::new()).is_ok()
    }
}

/// A request for retransmission.
fn request(channel: i32, begin: i64, count: u8) -> Vec<u8> {
    let header = Bytes::zeros(56).i64(8, 4_711).put(16, &channel.to_le_bytes()).u16(22, 1);
    header.u16(24, 32).u16(26, 200).u16(28, 1).i64(40, begin).put(48, &[count]).0
}

#[test]
fn an_order_is_taken_told_on_the_feed_and_given_again_over_real_sockets() {
    let mut venue = VenueProcess::start(&["--quiet", "--adversary-edge", "0"]);
    let feed = venue.join(venue.line_a);
    let mut alpha = Connection::log_on(&venue, "alpha");
    alpha.send(100, &Order::limit(1, 1, 50_000, 10).body());
    let taken = alpha.hear();
    assert_eq!(
        (taken.template, taken.i64(16), taken.last_processed),
        (200, 1, 2),
        "our number, and that it was processed: {taken:?}"
    );
    // The bid among the incremental packets of line A: template 20, of the order's price.
    let mut packet = [0; 2_048];
    let seq = loop {
        let length = feed.recv(&mut packet).expect("the feed of line A");
        let is_bid = length >= 80 && packet[20] == 1 && packet[26..28] == 20u16.to_le_bytes();
        if is_bid && packet[64..72] == (50_000 * client::UNIT).to_le_bytes() {
            break i64::from_le_bytes(packet[8..16].try_into().expect("8 bytes"));
        }
    };
    let again = UdpSocket::bind("127.0.0.1:0").expect("a port");
    again.set_read_timeout(Some(process::PATIENCE)).expect("a socket");
    again.send_to(&request(44_849, seq, 1), venue.retransmit).expect("it is sent");
    let mut answer = [0; 2_048];
    let length = again.recv(&mut answer).expect("an answer");
    assert_eq!((answer[20], answer[22], length), (5, 1, 80), "one message again, as type 5");
    assert_eq!((&answer[8..20], &answer[24..80]), (&packet[8..20], &packet[24..80]), "the same message");
    again.send_to(&request(44_849, seq + 1_000_000, 1), venue.retransmit).expect("it is sent");
    again.recv(&mut answer).expect("an answer");
    assert_eq!((answer[20], answer[26]), (0, 202), "a rejection");
    let told = venue.end();
    assert_eq!(told["sockets"]["slow_connections"], 0, "{told}");
    assert_eq!(told["exchange"]["orders"], 1, "{told}");
}

#[test]
fn a_connection_that_ends_takes_its_orders_with_it() {
    let mut venue = VenueProcess::start(&["--quiet", "--adversary-edge", "0"]);
    let mut alpha = Connection::log_on(&venue, "alpha");
    alpha.send(100, &Order::limit(1, 1, 59_900, 10).body());
    alpha.hear();
    // The venue closes its side once it has seen the end.
    alpha.stream.shutdown(Shutdown::Write).expect("it is connected");
    assert!(alpha.is_closed());
    // Somebody else sells at that price: nothing is there to trade with.
    let mut beta = Connection::log_on(&venue, "beta");
    beta.send(100, &Order::limit(1, -1, 59_900, 10).body());
    let answer = beta.hear();
    assert_eq!((answer.template, answer.i64(16)), (200, 1), "it is taken: {answer:?}");
    let told = venue.end();
    assert_eq!((&told["exchange"]["orders"], &told["exchange"]["trades"]), (&2.into(), &0.into()), "{told}");
}

#[test]
fn whoever_sends_something_else_is_closed_and_others_are_served() {
    let mut venue = VenueProcess::start(&["--quiet"]);
    let mut alpha = Connection::log_on(&venue, "alpha");
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0xff; 4_096], &[0xdb, 0, 3, 0, 1, 0, 15, 0]] {
        let mut other = Connection::open(&venue);
        let _ = other.stream.write_all(bytes);
        let _ = other.stream.shutdown(Shutdown::Write);
        assert!(other.is_closed(), "{bytes:?}");
    }
    let mut wrong = Connection::open(&venue);
    wrong.send(1, &Bytes(logon_body("alpha", true, false)).put(16, b"guess!").0);
    assert!(wrong.is_closed());
    alpha.send(11, &77i64.to_le_bytes());
    let garbage = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for length in [0, 1, 24, 55, 56, 1_400] {
        garbage.send_to(&vec![0xa5; length], venue.retransmit).expect("it is sent");
    }
    let mut beta = Connection::log_on(&venue, "beta");
    beta.send(100, &Order::limit(1, 1, 50_000, 10).body());
    assert_eq!(beta.hear().i64(16), 1);
    venue.end();
}

#[test]
fn snapshots_and_the_public_come_by_themselves() {
    let mut venue = VenueProcess::start(&["--snapshot-cycle", "50", "--rate", "200", "--both-lines"]);
    let (snapshots, line_b) = (venue.join(venue.snapshot_a), venue.join(venue.line_b));
    let mut packet = [0; 2_048];
    snapshots.recv(&mut packet).expect("a snapshot");
    assert_eq!((packet[20], i32::from_le_bytes(packet[16..20].try_into().expect("4 bytes"))), (2, 44_849));
    line_b.recv(&mut packet).expect("a packet of line B");
    assert_eq!(packet[20], 1);
    let told = venue.end();
    assert!(told["served_ms"].as_u64() > Some(0), "{told}");
}

#[test]
fn it_ends_by_itself_and_says_what_cannot_be_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let members = written_members(folder.path(), "alpha alpha-secret\n");
    let (code, said, _) = run(&["--members", &members, "--seconds", "0", "--quiet"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("venue: seed 1, ") && said.contains("venue: gateway: "), "{said}");
    for (members, says) in [
        ("", "nobody may log on"),
        ("alpha\n", "line 1 of the members: a name and a secret"),
        ("alpha a\nalpha b\n", "line 2 of the members: a name twice"),
        ("alpha-who-has-a-long-name hush\n", "at most 16 bytes"),
    ] {
        let members = written_members(folder.path(), members);
        let (code, _, errors) = run(&["--members", &members, "--seconds", "0"]);
        assert!(code == Some(1) && errors.contains(says) && !errors.contains("hush"), "{errors}");
    }
    let (code, _, errors) = run(&["--members", "/nowhere", "--seconds", "0"]);
    assert!(code == Some(1) && errors.contains("cannot read members from /nowhere"), "{errors}");
    assert_eq!(run(&["--seconds", "0"]).0, Some(2), "members are wanted");
    let members = written_members(folder.path(), "alpha alpha-secret\n");
    assert_eq!(run(&["--members", &members, "--loss", "2"]).0, Some(2), "a probability");
    let (code, _, errors) = run(&["--members", &members, "--legacy", "239.255.42.9:65535"]);
    assert!(code == Some(2) && errors.contains("no next port for its snapshots"), "{errors}");
    let (code, _, errors) = run(&["--members", &members, "--chain", "/nowhere", "--seconds", "0"]);
    assert!(code == Some(1) && errors.contains("cannot read /nowhere"), "{errors}");
    assert_eq!(errors.matches("No such file").count(), 1, "the cause is told once: {errors}");
    let (code, _, errors) = run(&["--members", &members, "--orders", "203.0.113.1:4210", "--seconds", "0"]);
    assert!(code == Some(1) && errors.contains("cannot open the venue's sockets"), "{errors}");
}
