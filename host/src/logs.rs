//! Logs: lines of text, or JSON objects, one a line, on standard error.
//!
//! Invariants:
//! * the engine's thread logs nothing for a packet, a quote or an order: what happens there is counted, and told of by others
//!   (`telemetry`); it may log what happens once, a fail-over or its end;
//! * secrets have types whose `Debug` does not show them (`deribit::starbase::orders::Credential`), and are given to no field.

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Time, level, module, message, fields.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What stops hedging.
    Error,
    /// What somebody should look at, and every control command.
    Warn,
    /// What happens once: start, sessions, snapshots, fail-overs.
    #[default]
    Info,
    /// What happens often.
    Debug,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// Whoever writes lines of this form to a writer.
pub fn subscriber<W>(format: LogFormat, level: LogLevel, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt().with_max_level(LevelFilter::from(level)).with_writer(writer).with_ansi(false);
    match format {
        LogFormat::Text => Box::new(lines.finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    }
}

/// Sends the process's logs to standard error. Once; later calls change nothing.
pub fn start(format: LogFormat, level: LogLevel) {
    let _ = tracing::subscriber::set_global_default(subscriber(format, level, std::io::stderr));
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::deribit::starbase::orders::Credential;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics with it").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat) -> String {
        let lines = Lines::default();
        let own = lines.clone();
        let secret = Credential::<48>::new("correct-horse").expect("it fits");
        tracing::subscriber::with_default(subscriber(format, LogLevel::Info, move || own.clone()), || {
            tracing::debug!("too much");
            tracing::warn!(session = "hedge", key = ?secret, "logon");
        });
        let bytes = lines.0.lock().expect("nobody panics with it").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn text_and_json_say_the_same_and_no_secret() {
        let text = logged(LogFormat::Text);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("WARN") && text.contains("logon") && text.contains("session=\"hedge\""), "{text}");
        let json = logged(LogFormat::Json);
        let object: serde_json::Value = serde_json::from_str(&json).expect("one object");
        assert_eq!((&object["level"], &object["message"]), (&"WARN".into(), &"logon".into()));
        assert_eq!(object["session"], "hedge");
        assert!(!text.contains("horse") && !json.contains("horse"));
    }
}
