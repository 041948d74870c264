//! Two network namespaces with a virtual cable between them: one sends, one receives. Needs root and `ip`.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The receiving side's interface.
pub const INTERFACE: &str = "hwr";
/// The sending side's.
pub const SENDING_INTERFACE: &str = "hwt";
/// The sending side's address.
pub const SENDER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// Goes, with everything in it, when it is dropped.
pub struct Namespaces {
    sending: String,
    receiving: String,
}

impl Namespaces {
    /// Sets them up with so many queues each way. Where that may not be done, says `SKIPPED:` and why.
    pub fn new(test: &str, queues: u32) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("hw{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (sending, receiving) = (format!("{name}t"), format!("{name}r"));
        let namespaces = Self { sending: sending.clone(), receiving: receiving.clone() };
        let (t, r) = (&sending, &receiving);
        let width = format!("numrxqueues {queues} numtxqueues {queues}");
        let commands = [
            format!("netns add {t}"),
            format!("netns add {r}"),
            format!("link add {SENDING_INTERFACE} netns {t} {width} type veth peer name {INTERFACE} netns {r} {width}"),
            format!("-n {t} addr add {SENDER}/24 dev {SENDING_INTERFACE}"),
            format!("-n {r} addr add 10.77.0.2/24 dev {INTERFACE}"),
            format!("-n {t} link set {SENDING_INTERFACE} up"),
            format!("-n {r} link set {INTERFACE} up"),
            format!("-n {t} route add 239.0.0.0/8 dev {SENDING_INTERFACE}"),
        ];
        for command in commands {
            if let Err(why) = ip(&command) {
                println!("SKIPPED: {test}: no network namespaces here: ip {command}: {why}");
                return None;
            }
        }
        Some(namespaces)
    }

    /// The receiving namespace, for [`enter`] in another process.
    pub fn receiving(&self) -> &str {
        &self.receiving
    }

    /// Moves the calling thread to the sending side.
    pub fn enter_sending(&self) {
        enter(&self.sending);
    }

    /// Moves the calling thread to the receiving side.
    pub fn enter_receiving(&self) {
        enter(&self.receiving);
    }

    /// Takes the receiving side's interface down.
    pub fn take_down(&self) {
        ip(&format!("-n {} link set {INTERFACE} down", self.receiving)).expect("down");
    }

    /// Frames that the sending side's interface has thrown away, because the cable was full.
    pub fn dropped_by_cable(&self) -> u64 {
        let text = ip(&format!("-n {} -s -j link show {SENDING_INTERFACE}", self.sending)).expect("statistics");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        json[0]["stats64"]["tx"]["dropped"].as_u64().expect("a count")
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in [&self.sending, &self.receiving] {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

/// Moves the calling thread into a namespace.
pub fn enter(name: &str) {
    let file = File::open(format!("/run/netns/{name}")).expect("the namespace");
    // SAFETY: the descriptor is that of a namespace; only this thread is moved.
    let result = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

fn ip(arguments: &str) -> Result<String, String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
