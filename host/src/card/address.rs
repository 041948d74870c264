//! Where a card is, as it is written on a command line: the one place that knows the back ends by name.
//!
//! ```text
//!   vfio:0000:03:00.0     a slot, through the kernel's VFIO
//!   sysfs:0000:03:00.0    a slot, without VFIO: degraded, see `pci::WITHOUT_VFIO`
//!   vfio-user:PATH        a process that listens on a UNIX socket
//! ```

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::vfio_user::{REPLY_TIMEOUT, VfioUserCard};
use super::{Card, SlotCard, pci};

/// Where a card is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A slot, through VFIO.
    Vfio(pci::Address),
    /// A slot, through sysfs.
    Sysfs(pci::Address),
    /// A vfio-user socket.
    VfioUser(PathBuf),
}

impl Address {
    /// Reaches the card, with memory for a ring of `slots`.
    ///
    /// # Errors
    /// Why it cannot be reached, and what to do.
    pub fn connect(&self, slots: usize) -> Result<Box<dyn Card>, String> {
        fn boxed<E: fmt::Display>(card: Result<impl Card + 'static, E>) -> Result<Box<dyn Card>, String> {
            card.map(|card| Box::new(card) as Box<dyn Card>).map_err(|error| error.to_string())
        }
        match self {
            Self::Vfio(address) => boxed(SlotCard::through_vfio(*address, slots)),
            Self::Sysfs(address) => boxed(SlotCard::through_sysfs(*address, slots)),
            Self::VfioUser(path) => boxed(VfioUserCard::connect(path, slots, REPLY_TIMEOUT)),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let slot = |text: &str| text.parse().map_err(|error: pci::NotAnAddress| error.to_string());
        match text.split_once(':') {
            Some(("vfio", address)) => slot(address).map(Self::Vfio),
            Some(("sysfs", address)) => slot(address).map(Self::Sysfs),
            Some(("vfio-user", path)) if !path.is_empty() => Ok(Self::VfioUser(path.into())),
            _ => Err("a card is given as vfio:SLOT (0000:03:00.0, as `lspci -D` writes it), as sysfs:SLOT, or as \
                      vfio-user:PATH, PATH being the socket of hedgewire-card"
                .into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vfio(address) => write!(f, "vfio:{address}"),
            Self::Sysfs(address) => write!(f, "sysfs:{address}"),
            Self::VfioUser(path) => write!(f, "vfio-user:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_they_are_written() {
        let slot: pci::Address = "0000:03:00.0".parse().expect("an address");
        for (text, expected) in [
            ("vfio-user:/tmp/a:b.sock", Address::VfioUser("/tmp/a:b.sock".into())),
            ("vfio:0000:03:00.0", Address::Vfio(slot)),
            ("sysfs:0000:03:00.0", Address::Sysfs(slot)),
        ] {
            let address: Address = text.parse().expect("an address");
            assert_eq!(address, expected);
            assert_eq!(address.to_string(), text);
        }
        for wrong in ["", "vfio-user:", "/tmp/card.sock", "0000:03:00.0", "uio:0000:03:00.0"] {
            let error = wrong.parse::<Address>().expect_err(wrong);
            assert!(error.contains("vfio:SLOT") && error.contains("vfio-user:PATH"), "{error}");
        }
        for wrong in ["vfio:", "vfio:03:00.0", "sysfs:card"] {
            let error = wrong.parse::<Address>().expect_err(wrong);
            assert!(error.contains("lspci -D"), "{error}");
        }
    }

    #[test]
    fn a_card_that_is_not_there_is_said_to_be_missing() {
        for text in ["vfio:ffff:ff:1f.7", "sysfs:ffff:ff:1f.7"] {
            let address: Address = text.parse().expect("an address");
            let error = address.connect(16).err().expect("no machine has this slot");
            assert!(error.contains("nothing is at ffff:ff:1f.7; `lspci -D` lists what is"), "{error}");
        }
    }
}
