//! The engine's side of the wire: `live::run`, as `hedgewire run` calls it, on threads of the other namespace.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hedgewire_host::config::Plan;
use hedgewire_host::control::KillSwitch;
use hedgewire_host::driver::Driver;
use hedgewire_host::live::names;
use hedgewire_host::live::shell::{Ended, Setting, run};
use hedgewire_host::packet::PacketSettings;
use hedgewire_host::telemetry::Telemetry;
use hedgewire_kernel::{Form, Kernel};

use super::venue::CLIENT;

const EXAMPLE: &str = include_str!("../../host/examples/live.toml");

/// What of the example is otherwise, so that every probe may lead to a hedge, and to one that crosses at once.
const CHANGES: [(&str, &str); 11] = [
    ("retransmit = \"127.0.0.1:4240\"", ""),
    ("quantity_coin = -1.0", "quantity_coin = -10.0"),
    ("cool_down_ms = 50.0", "cool_down_ms = 0.01"),
    ("duplicate_window_ms = 20.0", "duplicate_window_ms = 0.01"),
    ("order_interval_ms = 10.0", "order_interval_ms = 0.01"),
    ("hedges_per_minute = 600", "hedges_per_minute = 1_000_000"),
    ("loss_max_coin = 10.0", "loss_max_coin = 1_000.0"),
    ("passive_ms = 200.0", "passive_ms = 0.0"),
    ("improve_ms = 200.0", "improve_ms = 0.0"),
    ("capacity = 100_000", "capacity = 100_000_000"),
    ("per_second = 100_000", "per_second = 100_000_000"),
];

/// The engine's plan.
pub fn plan(folder: &Path, gateway: SocketAddr, packets: PacketSettings) -> Plan {
    let secret = folder.join("secret");
    std::fs::write(&secret, CLIENT.1).expect("a secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let mut text = EXAMPLE
        .replace("127.0.0.1:4210", &gateway.to_string())
        .replace("\"secret\"", &format!("{secret:?}"))
        .replace("\"hedgewire.state\"", &format!("{:?}", folder.join("state")));
    for (from, to) in CHANGES {
        assert!(text.contains(from), "the example has no {from}");
        text = text.replace(from, to);
    }
    let mut plan = Plan::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    plan.packets = Some(packets);
    plan
}

/// An engine that runs until it is told to stop.
pub struct Running {
    pub telemetry: Arc<Telemetry>,
    plan: Arc<Plan>,
    stop: Arc<AtomicBool>,
}

impl Running {
    /// For a thread that may then call [`Running::run`].
    pub fn new(plan: Plan) -> Self {
        let now_ns = hedgewire_host::telemetry::now_ns();
        let telemetry = Telemetry::new(names(&plan), now_ns).expect("names");
        Self { telemetry: Arc::new(telemetry), plan: Arc::new(plan), stop: Arc::default() }
    }

    /// Runs it, with a journal, in the calling thread and its namespace.
    pub fn run(&self, journal: &Path) -> Ended {
        let setting = Setting {
            journal: Some(journal.to_owned()),
            drop_copy: None,
            telemetry: Arc::clone(&self.telemetry),
            kill: Arc::new(KillSwitch::default()),
            stop: Arc::clone(&self.stop),
            requests: None,
        };
        let driver = || Ok(Driver::new(Kernel::new(self.plan.sizes, Form::best()), None).unmeasured());
        run(&self.plan, setting, driver, |_| ()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Tells it to end in good order.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
