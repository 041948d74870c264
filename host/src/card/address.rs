//! Where a card is, as it is written on a command line: the one place that knows the back ends by name.
//!
//! ```text
//!   vfio-user:PATH      a process that listens on a UNIX socket
//! ```

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Card;
use super::vfio_user::{REPLY_TIMEOUT, VfioUserCard};

/// Where a card is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A vfio-user socket.
    VfioUser(PathBuf),
}

impl Address {
    /// Reaches the card, with memory for a ring of `slots`.
    ///
    /// # Errors
    /// Why it cannot be reached, and what to do.
    pub fn connect(&self, slots: usize) -> Result<Box<dyn Card>, String> {
        match self {
            Self::VfioUser(path) => match VfioUserCard::connect(path, slots, REPLY_TIMEOUT) {
                Ok(card) => Ok(Box::new(card)),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("vfio-user", path)) if !path.is_empty() => Ok(Self::VfioUser(path.into())),
            _ => Err("a card is given as vfio-user:PATH, PATH being the socket of hedgewire-card".into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VfioUser(path) => write!(f, "vfio-user:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        let address: Address = "vfio-user:/tmp/a:b.sock".parse().expect("an address");
        assert_eq!(address, Address::VfioUser("/tmp/a:b.sock".into()));
        assert_eq!(address.to_string(), "vfio-user:/tmp/a:b.sock");
        for wrong in ["", "vfio-user:", "/tmp/card.sock", "vfio:0000:05:00.0"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
