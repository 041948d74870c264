//! Fills of the desk's own option quotes, as its quoting system would report them to the engine: drawn from a seed, and
//! told over the engine's drop-copy line (`host/README.md`), on a thread of their own.
//!
//! ```text
//!   draw ──{"fill_id":7, ...}──► UNIX socket ──► engine
//!    ▲                                             │
//!    └── booked, repeated ── not_yet, no answer: ──┴─ the same again
//! ```
//!
//! Invariant: a fill is told with the same number until it is acknowledged, and only then is it followed by another.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Instrument, Kind};
use crate::random::Random;

/// Between two attempts to tell a fill.
const RETRY: Duration = Duration::from_millis(200);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(6);
/// Largest fill, tenths of a coin.
const TENTHS_MAX: usize = 3;
const UNIT: i64 = 1_000_000_000;

/// What became of the fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeskFillCounts {
    /// Booked.
    pub booked: u64,
    /// Had been booked before, when the answer was lost.
    pub repeated: u64,
    /// Refused.
    pub refused: u64,
}

/// An answer of the engine.
#[derive(Deserialize)]
struct Answer {
    status: String,
}

/// The desk's quotes, and who takes them.
#[derive(Debug)]
pub struct DeskFills {
    /// The engine's socket.
    pub drop_copy: PathBuf,
    /// Fills per second, on average.
    pub rate: f64,
    /// Where they are drawn from.
    pub seed: u64,
}

impl DeskFills {
    /// Tells fills of these options until `stop`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        self,
        instruments: &[Instrument],
        stop: Arc<AtomicBool>,
    ) -> std::io::Result<JoinHandle<DeskFillCounts>> {
        let is_option = |instrument: &&Instrument| matches!(instrument.kind, Kind::Option { .. });
        let quoted = instruments.iter().filter(is_option);
        let quoted: Vec<(String, i64)> =
            quoted.filter_map(|option| Some((option.name.clone(), option.mark?))).collect();
        std::thread::Builder::new().name("desk fills".to_owned()).spawn(move || self.run(&quoted, &stop))
    }

    fn run(&self, quoted: &[(String, i64)], stop: &AtomicBool) -> DeskFillCounts {
        let (mut random, mut counts) = (Random::new(self.seed, 8), DeskFillCounts::default());
        let mut fill_id = 0;
        while !quoted.is_empty() && rest(random.exponential(1.0 / self.rate), stop) {
            fill_id += 1;
            let line = draw(&mut random, quoted, fill_id);
            loop {
                match tell(&self.drop_copy, &line).as_deref() {
                    Some("booked") => counts.booked += 1,
                    Some("repeated") => counts.repeated += 1,
                    Some("refused") => counts.refused += 1,
                    _ if rest(RETRY.as_secs_f64(), stop) => continue,
                    _ => return counts,
                }
                break;
            }
        }
        counts
    }
}

/// Waits, unless it is time to stop.
fn rest(seconds: f64, stop: &AtomicBool) -> bool {
    let step = Duration::from_millis(20);
    for _ in 0..(seconds / step.as_secs_f64()).ceil() as u64 {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        std::thread::sleep(step);
    }
    !stop.load(Ordering::Relaxed)
}

fn draw(random: &mut Random, quoted: &[(String, i64)], fill_id: u64) -> String {
    let (name, mark) = &quoted[random.index(quoted.len())];
    let side = if random.chance(0.5) { "buy" } else { "sell" };
    let tenths = 1 + random.index(TENTHS_MAX);
    let quantity = format!("{}.{}", tenths / 10, tenths % 10);
    let price = format!("{}.{:09}", mark / UNIT, mark % UNIT);
    serde_json::json!({
        "fill_id": fill_id, "instrument": name, "side": side, "quantity": quantity, "price": price
    })
    .to_string()
}

/// What the engine says to a fill; none if it says nothing.
fn tell(socket: &Path, line: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(format!("{line}\n").as_bytes()).ok()?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).ok()?;
    serde_json::from_str::<Answer>(&answer).ok().map(|answer| answer.status)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::super::listing;
    use super::*;

    #[test]
    fn a_fill_is_told_again_until_it_is_acknowledged() {
        let folder = tempfile::tempdir().expect("a folder");
        let drop_copy = folder.path().join("fills.sock");
        let (_, instruments) = listing::listing(0, 1, 3);
        let stop = Arc::new(AtomicBool::new(false));
        let fills = DeskFills { drop_copy: drop_copy.clone(), rate: 1_000.0, seed: 5 };
        let thread = fills.start(&instruments, Arc::clone(&stop)).expect("a thread");
        let listener = UnixListener::bind(&drop_copy).expect("a socket");
        let mut lines: Vec<serde_json::Value> = vec![];
        // The last answer is followed by nothing: the connection is closed without one.
        for answer in ["not_yet", "booked", "", "repeated", "refused"] {
            let (mut stream, _) = listener.accept().expect("it comes");
            let mut line = String::new();
            BufReader::new(stream.try_clone().expect("a stream")).read_line(&mut line).expect("a line");
            lines.push(serde_json::from_str(&line).expect("a fill is JSON"));
            if !answer.is_empty() {
                writeln!(stream, r#"{{"fill_id":1,"status":"{answer}"}}"#).expect("it reads");
            }
        }
        stop.store(true, Ordering::Relaxed);
        drop(listener);
        let counts = thread.join().expect("it ends");
        assert_eq!((counts.booked, counts.repeated, counts.refused), (1, 1, 1));
        let ids: Vec<u64> = lines.iter().filter_map(|line| line["fill_id"].as_u64()).collect();
        assert_eq!(ids, [1, 1, 2, 2, 3]);
        assert_eq!(lines[0], lines[1], "the same fill");
        assert!(lines[0]["instrument"].as_str().is_some_and(|name| name.starts_with("BTC-") && name.len() > 13));
    }
}
