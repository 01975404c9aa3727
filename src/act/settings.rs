//! How to reach the broker, and what our own topics are called. Plain data; `config` fills it, `mqtt` uses it.

use crate::facts::error::Fault;
use crate::facts::home::check_topic;

/// Which broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broker {
    /// The one inside the process, on loopback; port 0 takes a free one.
    Embedded {
        /// 0 or 1..=65535.
        port: u16,
    },
    /// One that runs elsewhere.
    External {
        /// Name or address.
        host: String,
        /// Usually 1883.
        port: u16,
        /// User name, where the broker wants one.
        user: Option<String>,
        /// Password for it.
        password: Option<String>,
    },
}

/// How to reach the broker and what our topics are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttSettings {
    /// Which broker.
    pub broker: Broker,
    /// First part of our own topics.
    pub base: String,
    /// Topics on which things report their state.
    pub reports: Vec<String>,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self { broker: Broker::Embedded { port: 0 }, base: "tiebreak".into(), reports: Vec::new() }
    }
}

impl MqttSettings {
    /// Whether the base can begin our topics.
    ///
    /// # Errors
    /// It is empty, holds a wildcard, or begins or ends in a way that other programs trip over.
    pub fn check(&self) -> Result<(), Fault> {
        let base = &self.base;
        let fault = |what: String| Fault::new("mqtt", "base", what, "for example base = \"tiebreak\"");
        check_topic(base).map_err(fault)?;
        if base.starts_with(['$', '/']) || base.ends_with('/') {
            return Err(fault(format!("{base:?} begins with '$', or begins or ends with '/'")));
        }
        Ok(())
    }

    /// Host and port; the embedded broker knows its own port better than the settings do.
    pub fn address(&self, embedded_port: Option<u16>) -> (&str, u16) {
        match &self.broker {
            Broker::Embedded { port } => ("127.0.0.1", embedded_port.unwrap_or(*port)),
            Broker::External { host, port, .. } => (host, *port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_that_cannot_begin_a_topic_is_refused() {
        for (base, good) in
            [("tiebreak", true), ("home/tiebreak", true), ("", false), ("a/#", false), ("$SYS", false), ("a/", false)]
        {
            let settings = MqttSettings { base: base.into(), ..MqttSettings::default() };
            assert_eq!(settings.check().is_ok(), good, "{base:?}");
        }
    }
}
