//! Sockets of the engine beside the feed's: connections of gateways, and where lost messages are asked for. None blocks.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::shell::RunError;

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The socket that lost messages are asked for over.
pub(super) struct Retransmission(pub Option<UdpSocket>);

impl Retransmission {
    pub fn open(address: Option<SocketAddr>) -> Result<Self, RunError> {
        let Some(address) = address else { return Ok(Self(None)) };
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let open = || {
            let socket = UdpSocket::bind(any)?;
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let doing = || format!("cannot open the socket for retransmission from {address}");
        open().map(|socket| Self(Some(socket))).map_err(|source| RunError::System { doing: doing(), source })
    }
}

/// A gateway's connection.
pub(super) struct Gateway {
    address: SocketAddr,
    pub stream: Option<TcpStream>,
    pub connecting: Option<Receiver<std::io::Result<TcpStream>>>,
}

impl Gateway {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, connecting: None }
    }

    /// Connects on a thread of its own.
    pub fn connect(&mut self) {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let address = self.address;
        let spawned = std::thread::Builder::new().name("connect".to_owned()).spawn(move || {
            let connected = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).and_then(|stream| {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                Ok(stream)
            });
            let _ = sender.send(connected);
        });
        self.connecting = Some(receiver);
        if spawned.is_err() {
            // Its end of the channel is gone with it: that is a connection that failed.
            self.stream = None;
        }
    }
}
