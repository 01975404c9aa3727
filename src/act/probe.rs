//! Whether the broker is there and lets us in: for `check`, which must not show up as a client that comes and
//! goes. Speaks just enough MQTT 3.1.1 by itself: one CONNECT (3.1), one CONNACK (3.2), one DISCONNECT (3.14).

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::settings::{Broker, MqttSettings};
use crate::facts::error::Fault;

/// For each step; a broker in the same house answers within milliseconds.
const STEP_WITHIN: Duration = Duration::from_secs(3);

/// Connects to an external broker and leaves again; publishes nothing and leaves no last will. The embedded
/// broker is always fine: it starts with us.
///
/// # Errors
/// It does not answer, is no MQTT broker, or refuses the user.
pub fn reachable(settings: &MqttSettings) -> Result<(), Fault> {
    let Broker::External { host, port, user, password } = &settings.broker else { return Ok(()) };
    let fault = |what: String, key: &str, remedy: &str| Err(Fault::new("mqtt", key, what, remedy));
    let packet = connect_packet(user.as_deref(), password.as_deref());
    match greet(host, *port, &packet) {
        Err(e) => {
            let what = format!("no broker answers at {host}:{port}: {e}");
            fault(what, "host", "start the broker, or correct host and port, or use the embedded one")
        }
        Ok([0x20, 2, _, 0]) => Ok(()),
        Ok([0x20, 2, _, 4 | 5]) => {
            let who = user.as_deref().map_or("clients without a user name".into(), |u| format!("the user {u:?}"));
            fault(format!("the broker at {host}:{port} refuses {who}"), "user", "correct user and password")
        }
        Ok([0x20, 2, _, code]) => {
            fault(format!("the broker at {host}:{port} refuses us with code {code}"), "host", "see the broker's log")
        }
        Ok(_) => fault(format!("what answers at {host}:{port} is no MQTT broker"), "port", "correct host and port"),
    }
}

fn greet(host: &str, port: u16, packet: &[u8]) -> io::Result<[u8; 4]> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, STEP_WITHIN) {
            Ok(stream) => stream,
            Err(e) => {
                last = e;
                continue;
            }
        };
        stream.set_read_timeout(Some(STEP_WITHIN))?;
        stream.set_write_timeout(Some(STEP_WITHIN))?;
        stream.write_all(packet)?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        // It has answered; whether it hears the goodbye does not matter.
        let _ = stream.write_all(&[0xe0, 0]);
        return Ok(answer);
    }
    Err(last)
}

fn connect_packet(user: Option<&str>, password: Option<&str>) -> Vec<u8> {
    let field = |out: &mut Vec<u8>, text: &str| {
        // The protocol's limit; nobody's name or password is that long.
        let bytes = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
        out.extend((bytes.len() as u16).to_be_bytes());
        out.extend(bytes);
    };
    let mut body = Vec::new();
    field(&mut body, "MQTT");
    let clean_session = 0x02;
    let with_user = if user.is_some() { 0xc0 } else { 0 };
    let keep_alive_seconds = 10;
    body.extend([4, clean_session | with_user, 0, keep_alive_seconds]);
    field(&mut body, "tiebreak-check");
    if let Some(user) = user {
        field(&mut body, user);
        field(&mut body, password.unwrap_or_default());
    }
    let mut packet = vec![0x10];
    let mut left = body.len();
    // Remaining length: seven bits a byte, lowest first (2.2.3).
    loop {
        let byte = (left % 128) as u8;
        left /= 128;
        packet.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::broker::EmbeddedBroker;
    use std::net::TcpListener;

    fn at(port: u16, user: Option<&str>) -> MqttSettings {
        let (user, password) = (user.map(str::to_owned), user.map(|_| "x".repeat(200)));
        let broker = Broker::External { host: "127.0.0.1".into(), port, user, password };
        MqttSettings { broker, ..MqttSettings::default() }
    }

    /// Answers one connection with `answer`.
    fn server(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let read = stream.read(&mut [0; 1024]).expect("a CONNECT");
            assert!(read > 0);
            stream.write_all(answer).expect("it listens");
        });
        port
    }

    #[test]
    fn a_real_broker_lets_us_in_with_and_without_a_user() {
        let broker = EmbeddedBroker::start(0).expect("a free port");
        assert_eq!(reachable(&at(broker.port(), None)), Ok(()));
        assert_eq!(reachable(&at(broker.port(), Some("anna"))), Ok(()));
        assert_eq!(reachable(&MqttSettings::default()), Ok(()));
    }

    #[test]
    fn each_way_to_fail_has_its_own_words() {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
        for (port, user, words) in [
            (free, None, "no broker answers"),
            (server(&[0x20, 2, 0, 5]), Some("anna"), "refuses the user \"anna\""),
            (server(&[0x20, 2, 0, 5]), None, "without a user name"),
            (server(&[0x20, 2, 0, 3]), None, "code 3"),
            (server(b"HTTP/1.1 400"), None, "no MQTT broker"),
            (server(b""), None, "no broker answers"),
        ] {
            let fault = reachable(&at(port, user)).expect_err(words);
            assert!(fault.what.contains(words), "{fault}");
        }
    }
}
