//! An answer as the cache keeps it: the bytes that the client got, and what a later hit has to tell of them.
//!
//! In Redis it is one line of JSON and then the body:
//!
//! ```text
//! {"v":1,"at":1760000000000,"epoch":0,"type":"application/json","usage":[7,2,0,0,0,0],"deployment":"..."}\n
//! {"id":"chatcmpl-...", ...
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::base::usage::Usage;

/// What later programs must not take for something else.
const VERSION: u8 = 1;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// When it was given, milliseconds since 1970.
    pub at_ms: i64,
    /// Its content type.
    pub content_type: Box<str>,
    /// What it consumed; a hit tells it again and pays nothing.
    pub usage: Option<Usage>,
    /// The deployment that gave it.
    pub deployment: Box<str>,
    /// The body that the client got.
    pub body: Bytes,
}

/// The line before the body.
#[derive(Serialize, Deserialize)]
struct Head {
    v: u8,
    at: i64,
    epoch: u64,
    r#type: Box<str>,
    /// Prompt, completion, cached, cache write, reasoning tokens; whether they are ours.
    usage: Option<[u64; 6]>,
    deployment: Box<str>,
}

impl Stored {
    /// As Redis keeps it; `epoch` says since which flush it holds.
    pub fn encode(&self, epoch: u64) -> Bytes {
        let usage = self.usage.map(|usage| {
            let tokens = [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens];
            let [prompt, completion, cached] = tokens;
            let estimated = u64::from(usage.estimated);
            [prompt, completion, cached, usage.cache_creation_tokens, usage.reasoning_tokens, estimated]
        });
        let (r#type, deployment) = (self.content_type.clone(), self.deployment.clone());
        let head = Head { v: VERSION, at: self.at_ms, epoch, r#type, usage, deployment };
        // Numbers and texts can always be written; an empty head would only be a miss.
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let mut out = BytesMut::with_capacity(head.len() + 1 + self.body.len());
        out.put_slice(&head);
        out.put_u8(b'\n');
        out.put_slice(&self.body);
        out.freeze()
    }

    /// What Redis kept, and since which flush; `None` when this program cannot read it.
    pub fn decode(bytes: Bytes) -> Option<(Self, u64)> {
        let end = memchr::memchr(b'\n', &bytes)?;
        let head: Head =
            serde_json::from_slice(bytes.get(..end)?).ok().filter(|head: &Head| head.v == VERSION)?;
        let usage = head.usage.map(|[prompt, completion, cached, written, reasoning, estimated]| Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            cached_tokens: cached,
            cache_creation_tokens: written,
            reasoning_tokens: reasoning,
            estimated: estimated != 0,
            ..Usage::default()
        });
        let (content_type, deployment) = (head.r#type, head.deployment);
        let stored = Stored { at_ms: head.at, content_type, usage, deployment, body: bytes.slice(end + 1..) };
        Some((stored, head.epoch))
    }

    /// Whether it is older than so many seconds.
    pub fn is_older(&self, seconds: u64, now_ms: i64) -> bool {
        let most = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        now_ms.saturating_sub(self.at_ms) > most
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        self.body.len() + self.content_type.len() + self.deployment.len() + std::mem::size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back() {
        let usage = Usage { prompt_tokens: 7, completion_tokens: 2, estimated: true, ..Usage::default() };
        let stored = Stored {
            at_ms: 1_760_000_000_000,
            content_type: "application/json".into(),
            usage: Some(usage),
            deployment: "d\n1".into(),
            body: Bytes::from_static(b"{\n}"),
        };
        assert_eq!(Stored::decode(stored.encode(9)), Some((stored.clone(), 9)));
        let silent = Stored { usage: None, body: Bytes::new(), ..stored };
        assert_eq!(Stored::decode(silent.encode(0)), Some((silent, 0)));
    }

    #[test]
    fn what_cannot_be_read_is_no_answer() {
        for bytes in [
            "",
            "\n",
            "{}\nbody",
            "{\"v\":1}",
            "{\"v\":9,\"at\":1,\"epoch\":0,\"type\":\"\",\"usage\":null,\"deployment\":\"\"}\nx",
        ] {
            assert_eq!(Stored::decode(Bytes::from_static(bytes.as_bytes())), None, "{bytes}");
        }
    }

    #[test]
    fn age_is_counted_from_the_answer() {
        let stored = Stored {
            at_ms: 10_000,
            content_type: "".into(),
            usage: None,
            deployment: "".into(),
            body: Bytes::new(),
        };
        assert!(!stored.is_older(5, 15_000));
        assert!(stored.is_older(5, 15_001));
        assert!(!stored.is_older(u64::MAX, i64::MAX));
    }
}
