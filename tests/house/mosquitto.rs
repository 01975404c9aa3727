//! A real mosquitto on a port of the loopback interface (Debian: package mosquitto).

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A broker that runs until this is dropped.
pub struct Mosquitto {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Mosquitto {
    /// Starts it and waits until it listens; `None` if the port is taken.
    pub fn start(port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let conf = folder.path().join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\n");
        std::fs::write(&conf, text).expect("writable");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::split_paths(&path).chain([std::path::PathBuf::from("/usr/sbin")]);
        let mut child = Command::new("mosquitto")
            .env("PATH", std::env::join_paths(paths).expect("PATH"))
            .arg("-c")
            .arg(&conf)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto starts (apt install mosquitto)");
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let runs = log.by_ref().map_while(Result::ok).any(|line| line.contains("running"));
        // Read on, so that a full pipe never stops the broker.
        std::thread::spawn(move || log.for_each(drop));
        let broker = Self { child, _folder: folder };
        runs.then_some(broker)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
