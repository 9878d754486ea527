//! A Lua script that runs inside Redis, known to it by its SHA-1.

/// A script, compiled into the program.
#[derive(Debug)]
pub struct Script {
    /// The text.
    pub source: &'static str,
    /// What Redis calls it once it has seen the text.
    pub digest: String,
}

impl Script {
    /// Takes a script's text.
    pub fn new(source: &'static str) -> Self {
        Script { source, digest: redis::Script::new(source).get_hash().to_owned() }
    }

    /// The command that runs it: by its digest, or by its text, which Redis then keeps.
    pub(super) fn command(&self, by_text: bool, keys: &[&[u8]], args: &[&[u8]]) -> redis::Cmd {
        let mut command = match by_text {
            true => redis::cmd("EVAL"),
            false => redis::cmd("EVALSHA"),
        };
        command.arg(if by_text { self.source } else { &self.digest }).arg(keys.len());
        for part in keys.iter().chain(args) {
            command.arg(*part);
        }
        command
    }
}
