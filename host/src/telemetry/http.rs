//! `/metrics` over HTTP: on loopback, unless somebody says otherwise in so many words.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use thiserror::Error;
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

use super::{Exposition, Telemetry};

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsSettings {
    /// Address; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Whether it may be another than loopback. Nobody is asked who he is, and nothing is encrypted.
    pub beyond_loopback: bool,
}

/// Why metrics are not served.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// Others could read them.
    #[error(
        "{0} is not loopback: whoever reaches it could read positions and profit; say --metrics-beyond-loopback if that is \
         meant"
    )]
    NotLoopback(SocketAddr),
    /// The system refuses.
    #[error("cannot serve metrics at {address}: {source}; is another engine there?")]
    System {
        /// The address.
        address: SocketAddr,
        /// What it says.
        source: io::Error,
    },
}

/// Serves metrics by a thread of its own, until it is dropped.
pub struct MetricsServer {
    server: Arc<Server>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Opens the port and serves it.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn start(settings: &MetricsSettings, telemetry: Arc<Telemetry>) -> Result<Self, MetricsError> {
        let address = settings.address;
        if !address.ip().is_loopback() && !settings.beyond_loopback {
            return Err(MetricsError::NotLoopback(address));
        }
        let system = |source| MetricsError::System { address, source };
        let listener = TcpListener::bind(address).map_err(system)?;
        let address = listener.local_addr().map_err(system)?;
        let server = Server::from_listener(listener, None).map_err(|error| system(io::Error::other(error)))?;
        let server = Arc::new(server);
        let own = Arc::clone(&server);
        let exposition = Exposition::new(telemetry);
        let serve = move || own.incoming_requests().for_each(|request| answer(request, &exposition));
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(serve).map_err(system)?;
        tracing::info!(%address, "metrics are served");
        Ok(Self { server, address, thread: Some(thread) })
    }

    /// Where they are served, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(request: Request, exposition: &Exposition) {
    let path = request.url().split('?').next().unwrap_or_default();
    let (status, content, text) = match (request.method(), path) {
        (Method::Get | Method::Head, "/metrics") => (200, Exposition::CONTENT_TYPE, exposition.text()),
        (Method::Get | Method::Head, _) => (404, "text/plain", "metrics are at /metrics\n".to_owned()),
        _ => (405, "text/plain", "only GET is answered\n".to_owned()),
    };
    let mut response = Response::from_string(text).with_status_code(StatusCode(status));
    if let Ok(header) = Header::from_bytes("Content-Type", content) {
        response.add_header(header);
    }
    // Whoever asked may have gone.
    let _ = request.respond(response);
}
