//! The broker inside the process, so that a newcomer needs none: MQTT 3.1.1, loopback only, no password.
//!
//! It must never listen on a network address: whoever can reach it can open doors. The only file that names
//! rumqttd. `mqtt` connects to it like to any other broker.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::Poll;
use std::thread::JoinHandle;

use rumqttd::protocol::v4::V4;
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings};
use tokio::sync::oneshot;

use crate::facts::error::Fault;

/// Between asking the system for a free port and taking it somebody else may take it; then another is tried.
const PORT_ATTEMPTS: usize = 5;

/// A running broker; it stops when this is dropped.
#[derive(Debug)]
pub struct EmbeddedBroker {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedBroker {
    /// Starts a broker on 127.0.0.1 and waits until it listens. `port` 0 takes a free one.
    ///
    /// # Errors
    /// The port is taken, or the system refuses a thread.
    pub fn start(port: u16) -> Result<Self, Fault> {
        let attempts = if port == 0 { PORT_ATTEMPTS } else { 1 };
        let mut last = None;
        for _ in 0..attempts {
            match free_port(port).and_then(Self::listen) {
                Ok(broker) => return Ok(broker),
                Err(e) => last = Some(e),
            }
        }
        let why = last.map_or_else(String::new, |e| format!(": {e}"));
        let what = format!("the embedded broker cannot listen on 127.0.0.1:{port}{why}");
        Err(Fault::new("mqtt", "port", what, "set port = 0 for any free one, or use the broker that is already there"))
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn listen(port: u16) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, listening) = sync_channel(1);
        let thread = std::thread::Builder::new().name("broker".into()).spawn(move || serve(port, ready, stopped))?;
        match listening.recv() {
            Ok(Ok(())) => Ok(Self { port, stop: Some(stop), thread: Some(thread) }),
            Ok(Err(e)) => Err(io::Error::other(e)),
            Err(_) => Err(io::Error::other("its thread ended at once")),
        }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A broker that panicked has already said so; there is nothing left to end.
            let _ = thread.join();
        }
    }
}

fn free_port(port: u16) -> io::Result<u16> {
    if port != 0 {
        return Ok(port);
    }
    // Closed again at once: rumqttd binds for itself.
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|a| a.port())
}

/// One thread with its own runtime. rumqttd's `Broker::start` blocks for ever; its parts, driven here, can be
/// stopped: dropping the runtime closes the listener and every connection. Only the router's thread stays
/// behind, idle, until the process ends (it holds its own sender and rumqttd offers no way to end it).
fn serve(port: u16, ready: SyncSender<Result<(), String>>, stopped: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return drop(ready.send(Err(e.to_string()))),
    };
    let router = Router::new(0, router_config()).spawn();
    let mut server = Server::new(server_settings(port), router, V4);
    runtime.block_on(async move {
        let mut serving = pin!(server.start(LinkType::Remote));
        // To bind to a numeric address is done within the first poll: either it has failed, or it listens.
        let first = poll_fn(|cx| {
            Poll::Ready(match serving.as_mut().poll(cx) {
                Poll::Ready(result) => Err(result.err().map_or_else(|| "it ended at once".into(), |e| e.to_string())),
                Poll::Pending => Ok(()),
            })
        });
        let first = first.await;
        let listens = first.is_ok();
        if ready.send(first).is_err() || !listens {
            return;
        }
        tokio::select! {
            _ = serving => {}
            _ = stopped => {}
        }
    });
}

fn router_config() -> RouterConfig {
    RouterConfig {
        max_connections: 64,
        // Messages handed to one connection at a time; rumqttd's own example.
        max_outgoing_packet_count: 200,
        // What is kept in memory for each subscription filter: 4 x 256 KiB.
        max_segment_size: 256 * 1024,
        max_segment_count: 4,
        ..RouterConfig::default()
    }
}

fn server_settings(port: u16) -> ServerSettings {
    ServerSettings {
        name: "mqtt".into(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: 5000,
            // The device list of a large Zigbee net has some hundred KiB.
            max_payload_size: 1024 * 1024,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn it_listens_on_loopback_and_stops_when_dropped() {
        let broker = EmbeddedBroker::start(0).expect("a free port");
        let address = (Ipv4Addr::LOCALHOST, broker.port());
        TcpStream::connect(address).expect("it listens");
        drop(broker);
        assert!(TcpStream::connect(address).is_err(), "it still listens");
    }

    #[test]
    fn a_taken_port_is_a_clear_error() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let fault = EmbeddedBroker::start(port).expect_err("the port is taken");
        assert!(fault.what.contains(&port.to_string()) && fault.remedy.contains("port = 0"), "{fault}");
    }
}
