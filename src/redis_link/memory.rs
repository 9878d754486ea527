//! What Redis does when its memory is full, and whether it has done so.

use redis::{Value, cmd};

use super::{Link, LinkError};

/// What `INFO` says of one server's memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// `maxmemory-policy`; empty where it is not told.
    pub policy: String,
    /// Whether there is a bound at all.
    pub bounded: bool,
    /// Keys that were evicted since the server started.
    pub evicted: u64,
}

impl Memory {
    /// Asks a server; of a Cluster all of them, in no order that lasts.
    ///
    /// # Errors
    /// As [`Link::query`].
    pub async fn ask(link: &Link) -> Result<Vec<(String, Self)>, LinkError> {
        Ok(match link.query(&cmd("INFO")).await? {
            Value::Map(servers) => {
                let read = |(server, said)| Some((text(server)?, Self::of(&text(said)?)));
                servers.into_iter().filter_map(read).collect()
            }
            said => text(said).map(|said| (String::new(), Self::of(&said))).into_iter().collect(),
        })
    }

    /// Reads `INFO`.
    fn of(info: &str) -> Self {
        let mut memory = Memory::default();
        for (name, value) in info.lines().filter_map(|line| line.trim().split_once(':')) {
            match name {
                "maxmemory_policy" => memory.policy = value.to_owned(),
                "maxmemory" => memory.bounded = value != "0",
                "evicted_keys" => memory.evicted = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        memory
    }

    /// Whether it evicts keys that are to stay for ever, too.
    pub fn evicts_all(&self) -> bool {
        self.bounded && self.policy.starts_with("allkeys-")
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_info_says_is_understood() {
        let info =
            "# Memory\r\nmaxmemory:1048576\r\nmaxmemory_policy:allkeys-lru\r\n# Stats\r\nevicted_keys:7\r\n";
        let memory = Memory::of(info);
        assert_eq!(memory, Memory { policy: "allkeys-lru".into(), bounded: true, evicted: 7 });
        assert!(memory.evicts_all());
        assert!(!Memory::of("maxmemory:0\r\nmaxmemory_policy:allkeys-lru").evicts_all());
        assert!(!Memory::of("maxmemory:9\r\nmaxmemory_policy:volatile-lfu").evicts_all());
        assert_eq!(Memory::of("something else"), Memory::default());
    }
}
