//! What must be remembered from one life of the engine to the next: facts of 64 bytes, in commits.
//!
//! ```text
//!   header 64: "HEDGES\r\n", version, checksum          record 64: kind, underlying or gateway, checksum, 7 words
//!
//!   Sent? ─► Order ─► Position ─► Holding ─► Fill ─► Commit(gateway, next report)     facts of one moment
//!   Reserve(next message, next order)                                                 written before it is used
//! ```
//!
//! A commit says: everything that the gateway reported before this number is in the facts before it. What comes after
//! the last commit of a file that was cut is not believed: the gateway sends those reports again, from that
//! number on, so that nothing is lost and nothing is booked twice, however far behind the file was. Only
//! numbers must never be used twice; they are reserved in blocks, and the block is written before its first is used.
//!
//! Invariants:
//! * checksums continue from record to record: a damaged, missing or moved record ends the file where it is;
//! * no secret, path or time of the machine is in it.

use thiserror::Error;

/// First bytes of a state file.
pub const MAGIC: [u8; 8] = *b"HEDGES\r\n";
/// Version of the format.
pub const FORMAT_VERSION: u32 = 1;
/// Length of header and record.
pub const RECORD_BYTES: usize = 64;
/// Words of a record.
const WORDS: usize = 7;

/// A fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Numbers below these may have been used.
    Reserve {
        /// Index of the gateway.
        gateway: u8,
        /// Of messages sent.
        next_out: i64,
        /// Of orders.
        next_order: i64,
    },
    /// An order that may fill, and what of it has; a later one of the same number stands for it.
    Order {
        /// Index of the gateway.
        gateway: u8,
        /// Index of the underlying.
        underlying: u8,
        /// Our number.
        client_order_id: i64,
        /// Contracts, positive to buy.
        quantity: i64,
        /// Contracts filled.
        filled: i64,
        /// Its limit, 10^-9.
        price: i64,
    },
    /// Nothing of an order can fill any more.
    Done {
        /// Index of the gateway.
        gateway: u8,
        /// Our number.
        client_order_id: i64,
    },
    /// What the hedges of an underlying came to.
    Position {
        /// Index of the underlying.
        underlying: u8,
        /// Contracts.
        contracts: i64,
        /// What they add to the coin constant, 2^-32 coin.
        hedge_coin: i64,
        /// Coin cash of own fills since the configured start, 2^-32 coin.
        cash: i64,
    },
    /// What is held of an instrument.
    Holding {
        /// Index of the underlying.
        underlying: u8,
        /// The venue's number.
        instrument_id: i64,
        /// Lots.
        lots: i64,
    },
    /// An own fill that is booked in the facts before.
    Fill {
        /// The venue's number of the instrument.
        instrument_id: i64,
        /// Number of the fill.
        fill_id: i64,
    },
    /// Everything up to here belongs together.
    Commit {
        /// Index of the gateway.
        gateway: u8,
        /// Number of its next report.
        expected_in: i64,
    },
}

/// Why a state file cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// The system refused.
    #[error("state file {path}: {source}")]
    System {
        /// The file.
        path: String,
        /// What the operating system answered.
        source: std::io::Error,
    },
    /// Another engine runs on it.
    #[error("state file {path} is in use by another engine: two must not hedge the same account")]
    InUse {
        /// The file.
        path: String,
    },
    /// It is no state file, or of another version.
    #[error("{path} is no state file of this version; check the path, or go on without it after a reconciliation")]
    Foreign {
        /// The file.
        path: String,
    },
}

/// Writes records one after the other into bytes.
#[derive(Clone, Debug)]
pub struct Encoder {
    checksum: u32,
}

/// The header.
pub fn header() -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..60]);
    bytes[60..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

impl Default for Encoder {
    fn default() -> Self {
        Self { checksum: crc32fast::hash(&header()[..60]) }
    }
}

impl Encoder {
    /// The next record's bytes.
    pub fn encode(&mut self, record: &Record) -> [u8; RECORD_BYTES] {
        let (kind, index, words) = record.fields();
        let mut bytes = [0; RECORD_BYTES];
        bytes[0] = kind;
        bytes[1..3].copy_from_slice(&index);
        for (place, word) in words.iter().enumerate() {
            bytes[8 + 8 * place..16 + 8 * place].copy_from_slice(&word.to_le_bytes());
        }
        self.checksum = chained(self.checksum, &bytes);
        bytes[4..8].copy_from_slice(&self.checksum.to_le_bytes());
        bytes
    }
}

/// Reads every record of a file up to where it is cut or damaged.
///
/// # Errors
/// `None` if the header is no state file's.
pub fn decode(bytes: &[u8]) -> Option<Vec<Record>> {
    let (head, rest) = bytes.split_at_checked(RECORD_BYTES)?;
    if head != header() {
        return None;
    }
    let mut checksum = Encoder::default().checksum;
    let mut records = Vec::with_capacity(rest.len() / RECORD_BYTES);
    for bytes in rest.chunks_exact(RECORD_BYTES) {
        let mut bare = [0; RECORD_BYTES];
        bare.copy_from_slice(bytes);
        bare[4..8].fill(0);
        checksum = chained(checksum, &bare);
        let record = Some(checksum.to_le_bytes()).filter(|sum| *sum == bytes[4..8]).and_then(|_| Record::read(&bare));
        let Some(record) = record else { break };
        records.push(record);
    }
    Some(records)
}

fn chained(previous: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(previous);
    hasher.update(bytes);
    hasher.finalize()
}

impl Record {
    fn fields(&self) -> (u8, [u8; 2], [i64; WORDS]) {
        let words = |given: &[i64]| {
            let mut words = [0; WORDS];
            words[..given.len()].copy_from_slice(given);
            words
        };
        match *self {
            Self::Reserve { gateway, next_out, next_order } => (1, [gateway, 0], words(&[next_out, next_order])),
            Self::Order { gateway, underlying, client_order_id, quantity, filled, price } => {
                (2, [gateway, underlying], words(&[client_order_id, quantity, filled, price]))
            }
            Self::Done { gateway, client_order_id } => (3, [gateway, 0], words(&[client_order_id])),
            Self::Position { underlying, contracts, hedge_coin, cash } => {
                (4, [0, underlying], words(&[contracts, hedge_coin, cash]))
            }
            Self::Holding { underlying, instrument_id, lots } => (5, [0, underlying], words(&[instrument_id, lots])),
            Self::Fill { instrument_id, fill_id } => (6, [0, 0], words(&[instrument_id, fill_id])),
            Self::Commit { gateway, expected_in } => (7, [gateway, 0], words(&[expected_in])),
        }
    }

    fn read(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let word = |place: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[8 + 8 * place..16 + 8 * place]);
            i64::from_le_bytes(word)
        };
        let (gateway, underlying) = (bytes[1], bytes[2]);
        Some(match bytes[0] {
            1 => Self::Reserve { gateway, next_out: word(0), next_order: word(1) },
            2 => Self::Order {
                gateway,
                underlying,
                client_order_id: word(0),
                quantity: word(1),
                filled: word(2),
                price: word(3),
            },
            3 => Self::Done { gateway, client_order_id: word(0) },
            4 => Self::Position { underlying, contracts: word(0), hedge_coin: word(1), cash: word(2) },
            5 => Self::Holding { underlying, instrument_id: word(0), lots: word(1) },
            6 => Self::Fill { instrument_id: word(0), fill_id: word(1) },
            7 => Self::Commit { gateway, expected_in: word(0) },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        vec![
            Record::Reserve { gateway: 1, next_out: 65_537, next_order: 9 },
            Record::Order { gateway: 0, underlying: 3, client_order_id: 7, quantity: -5, filled: 2, price: i64::MIN },
            Record::Done { gateway: 0, client_order_id: 7 },
            Record::Position { underlying: 3, contracts: -2, hedge_coin: 1, cash: -1 },
            Record::Holding { underlying: 3, instrument_id: 210_840, lots: i64::from(i32::MIN) },
            Record::Fill { instrument_id: 210_840, fill_id: 12 },
            Record::Commit { gateway: 0, expected_in: 44 },
        ]
    }

    fn file() -> Vec<u8> {
        let mut encoder = Encoder::default();
        records().iter().fold(header().to_vec(), |mut file, record| {
            file.extend(encoder.encode(record));
            file
        })
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(decode(&file()), Some(records()));
    }

    #[test]
    fn a_cut_or_damaged_file_is_read_up_to_there() {
        let whole = file();
        for bytes in 0..whole.len() {
            let read = decode(&whole[..bytes]);
            let expected = (bytes / RECORD_BYTES).checked_sub(1).map(|count| records()[..count].to_vec());
            assert_eq!(read, expected, "cut at {bytes}");
            let mut damaged = whole.clone();
            damaged[bytes] ^= 1;
            let expected = (bytes / RECORD_BYTES).checked_sub(1).map(|count| records()[..count].to_vec());
            // Byte 3 of a record is not read, but it is in the sum.
            assert_eq!(decode(&damaged), expected, "damaged at {bytes}");
        }
    }
}
