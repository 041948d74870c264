//! The drop-copy line: option fills from elsewhere in the desk, over a UNIX socket.
//!
//! ```text
//!   sender ──{"fill_id":7,"instrument":"BTC-25SEP26-60000-C","side":"buy","quantity":"1.5","price":"0.0435"}──► engine
//!          ◄─{"fill_id":7,"status":"booked"}── once it is in the state file
//! ```
//!
//! One line of JSON a fill, one line of JSON an answer, in order. `quantity` (of the coin) and `price` (of the coin, for
//! inverse options) are decimal texts of at most nine places: no float is between a fill and the kernel. A fill is known by instrument and
//! `fill_id`, the venue's number of the trade, so that a sender that got no answer sends it again, and one that comes by the
//! session too is booked once. Statuses: `booked`, `repeated`, `not_yet` (send it again), `refused`.
//!
//! The socket is its owner's alone (0600).

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::own_fills::Outcome;
use crate::control::{ControlError, ControlServer};

/// Longest line, its line feed included.
pub const LINE_BYTES_MAX: u64 = 4_096;
/// Fills that wait for the engine.
const PENDING_MAX: usize = 256;
/// How long the engine may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Decimal places.
const PLACES: usize = 9;

/// A fill, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The venue's number of the trade.
    pub fill_id: i64,
    /// Name.
    pub instrument: String,
    /// `buy` or `sell`, the desk's side.
    pub side: Side,
    /// Quantity, in the instrument's coin.
    pub quantity: String,
    /// Price.
    pub price: String,
}

/// The desk's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// It bought.
    Buy,
    /// It sold.
    Sell,
}

/// A line that is no fill.
#[derive(Debug, Error)]
pub enum LineError {
    /// Too long.
    #[error("a line has at most {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// No such object.
    #[error("not a fill: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Not a number of nine places.
    #[error("{name} {text:?} must be above 0, a decimal number of at most {PLACES} places, as in \"1.5\"")]
    Decimal {
        /// Of which field.
        name: &'static str,
        /// What it says.
        text: String,
    },
}

/// A fill as the engine takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The venue's number of the trade.
    pub fill_id: i64,
    /// Name of the instrument.
    pub instrument: String,
    /// Bought (above 0) or sold, 10^-9.
    pub quantity_nano: i64,
    /// Price, 10^-9.
    pub price_nano: i64,
}

/// Reads a line.
///
/// # Errors
/// [`LineError`], of any bytes whatever.
pub fn parse(line: &[u8]) -> Result<Copied, LineError> {
    if line.len() as u64 > LINE_BYTES_MAX {
        return Err(LineError::TooLong);
    }
    let Line { fill_id, instrument, side, quantity, price } = serde_json::from_slice(line)?;
    let quantity_nano = decimal("quantity", &quantity)?;
    let sign = if side == Side::Buy { 1 } else { -1 };
    Ok(Copied { fill_id, instrument, quantity_nano: sign * quantity_nano, price_nano: decimal("price", &price)? })
}

/// A positive decimal number in 10^-9, exactly.
fn decimal(name: &'static str, text: &str) -> Result<i64, LineError> {
    let read = || {
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(places) || places.len() > PLACES {
            return None;
        }
        format!("{whole}{places:0<PLACES$}").parse::<i64>().ok().filter(|nano| *nano > 0)
    };
    read().ok_or_else(|| LineError::Decimal { name, text: text.to_owned() })
}

/// A fill that waits for its answer.
#[derive(Debug)]
pub struct Pending {
    /// The fill.
    pub fill: Copied,
    reply: Sender<Outcome>,
}

impl Pending {
    /// Answers it; nothing happens if nobody waits any more.
    pub fn answer(self, outcome: Outcome) {
        let _ = self.reply.try_send(outcome);
    }
}

/// Opens the socket, and serves it by threads that end with the process. Fills come out of what is returned.
///
/// # Errors
/// [`ControlError`].
pub fn listen(path: &Path) -> Result<(DropCopy, Receiver<Pending>), ControlError> {
    let (listener, lock) = ControlServer::listen_alone(path)?;
    let (sender, receiver) = crossbeam_channel::bounded(PENDING_MAX);
    let spawned = std::thread::Builder::new().name("drop-copy".to_owned()).spawn(move || accept(&listener, &sender));
    spawned.map_err(|source| ControlError::System { path: path.to_owned(), doing: "start its thread", source })?;
    Ok((DropCopy { path: path.to_owned(), _lock: lock }, receiver))
}

/// The socket's file, removed when this is dropped.
#[derive(Debug)]
pub struct DropCopy {
    path: std::path::PathBuf,
    _lock: std::fs::File,
}

impl Drop for DropCopy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn accept(listener: &UnixListener, sender: &Sender<Pending>) {
    for stream in listener.incoming().flatten() {
        let sender = sender.clone();
        let _ = std::thread::Builder::new().name("drop-copy".to_owned()).spawn(move || serve(&stream, &sender));
    }
}

#[derive(Serialize)]
struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    fill_id: Option<i64>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn serve(stream: &UnixStream, sender: &Sender<Pending>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let is_cut = line.last() != Some(&b'\n');
        let reply = match parse(line.trim_ascii_end()) {
            Ok(fill) => ask(fill, sender),
            Err(error) => Reply { fill_id: None, status: "refused", reason: Some(error.to_string()) },
        };
        let Ok(mut text) = serde_json::to_vec(&reply) else { return };
        text.push(b'\n');
        let mut output = stream;
        if output.write_all(&text).is_err() || is_cut {
            return;
        }
    }
}

fn ask(fill: Copied, sender: &Sender<Pending>) -> Reply {
    let fill_id = Some(fill.fill_id);
    let (reply, answer) = crossbeam_channel::bounded(1);
    let is_sent = sender.send_timeout(Pending { fill, reply }, PATIENCE).is_ok();
    let outcome = if is_sent { answer.recv_timeout(PATIENCE).ok() } else { None };
    let (status, reason) = match outcome {
        Some(Outcome::Booked(_)) => ("booked", None),
        Some(Outcome::Repeated(_)) => ("repeated", None),
        Some(Outcome::NotYet) => ("not_yet", Some("the instruments are not known yet")),
        Some(Outcome::UnknownInstrument) => ("refused", Some("no such instrument is held")),
        Some(Outcome::Quantity) => ("refused", Some("not a whole number of lots, or more than the position may be")),
        None => ("not_yet", Some("the engine has not answered in time")),
    };
    Reply { fill_id, status, reason: reason.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(side: &str, quantity: &str, price: &str) -> String {
        format!(
            r#"{{"fill_id":7,"instrument":"BTC-25SEP26-60000-C","side":"{side}","quantity":"{quantity}","price":"{price}"}}"#
        )
    }

    #[test]
    fn a_line_is_read_exactly() {
        let read = |side: &str, quantity: &str, price: &str| parse(line(side, quantity, price).as_bytes());
        let fill = read("sell", "1.5", "0.0435").expect("a fill");
        assert_eq!((fill.quantity_nano, fill.price_nano, fill.fill_id), (-1_500_000_000, 43_500_000, 7));
        assert_eq!(read("buy", "0.000000001", "12").expect("a fill").quantity_nano, 1);
        for wrong in ["", "0", "-1", "1.", ".5", "1e3", "1.0000000001", "9999999999", "0x1", "1,5"] {
            assert!(read("buy", wrong, "1").is_err() && read("buy", "1", wrong).is_err(), "{wrong}");
        }
        assert!(read("short", "1", "1").is_err());
    }

    #[test]
    fn any_bytes_are_refused_with_a_reason() {
        for bytes in [&b""[..], b"{}", b"null", b"[1]", b"\xff\xfe", b"{\"fill_id\":1}", &[b'x'; 5_000]] {
            assert!(!parse(bytes).expect_err("no fill").to_string().is_empty());
        }
        let whole = line("buy", "1", "1");
        for cut in 0..whole.len() {
            assert!(parse(&whole.as_bytes()[..cut]).is_err());
        }
    }
}
