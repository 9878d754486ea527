//! Known questions that the server compares (RediSearch's `FT.CREATE` and `FT.SEARCH`).
//!
//! | key | value |
//! |---|---|
//! | `cache:questions:<dimension>:<name>` | a hash: `bucket`, `vector`, `key`, `words` (base64); ends with the answer's time |
//! | `cache:questions:<dimension>` | their names by the time at which they end, so that they can be bounded |
//!
//! There is one search index for each dimension, because a vector of another one fits into none. Which model made a
//! vector is part of its bucket.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::{Value, cmd};

use super::{HASTE, UNHURRIED, field, text, time_left};
use crate::base::clock::unix_ms;
use crate::domain::semantic::{Bucket, Found, Known, Vector, Wording};
use crate::redis_link::{Link, LinkError, Script};

/// The most questions of one dimension: 120 MB in Redis at 1536 dimensions.
const MOST: usize = 20_000;
/// How many neighbours are asked for: the nearest may have ended while it was being found, or be put in words that mean
/// something else.
const NEIGHBOURS: usize = 10;

/// Adds a question and forgets those that have ended, and then those that would end next.
const ADD: &str = "\
redis.call('HSET', KEYS[1], 'bucket', ARGV[4], 'vector', ARGV[5], 'key', ARGV[6], 'words', ARGV[8]) \
redis.call('PEXPIRE', KEYS[1], ARGV[2]) \
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[7]) \
redis.call('ZADD', KEYS[2], ARGV[3], KEYS[1]) \
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[1]) \
if over > 0 then \
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do redis.call('DEL', name) end \
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1) \
end \
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end \
return 1";

/// The questions behind a link to a server that may search.
pub struct Search {
    link: Link,
    prefix: String,
    index: String,
    add: Script,
}

impl Search {
    /// The server behind a link; `index` is the name of the search index, if it shall have a certain one.
    pub fn new(link: &Link, index: Option<&str>) -> Self {
        let prefix = format!("{}cache:questions", link.prefix());
        let index = index.map_or_else(|| prefix.clone(), str::to_owned);
        Search { link: link.patient(HASTE), prefix, index, add: Script::new(ADD) }
    }

    /// Makes the search index for vectors of this dimension, if there is none. Answers whether the server searches:
    /// others do not know the command, and a Cluster's servers see only their own keys.
    ///
    /// # Errors
    /// When nobody answered: then nothing is known.
    pub async fn prepare(&self, dimension: usize) -> Result<bool, LinkError> {
        if self.link.is_cluster() {
            return Ok(false);
        }
        let mut command = cmd("FT.CREATE");
        command.arg(self.index_of(dimension)).arg(&["ON", "HASH", "PREFIX", "1"]);
        command.arg(format!("{}:{dimension}:", self.prefix));
        command.arg(&["SCHEMA", "bucket", "TAG", "vector", "VECTOR", "HNSW", "6", "TYPE", "FLOAT32", "DIM"]);
        command.arg(dimension).arg(&["DISTANCE_METRIC", "COSINE"]);
        match self.link.patient(UNHURRIED).query(&command).await {
            Ok(_) => Ok(true),
            Err(LinkError::Refused { code, text }) => {
                let there = format!("{code} {text}").to_ascii_lowercase().contains("already exists");
                if !there {
                    tracing::debug!(code, text, "Redis does not search vectors");
                }
                Ok(there)
            }
            Err(error) => Err(error),
        }
    }

    /// Adds a question.
    ///
    /// # Errors
    /// As [`Link::query`]; it may have been added.
    pub async fn add(&self, known: &Known) -> Result<(), LinkError> {
        let Some(left) = time_left(known) else { return Ok(()) };
        let dimension = known.vector.dimension();
        let name = self.name(&known.bucket, &known.key, dimension);
        let all = format!("{}:{dimension}", self.prefix);
        let numbers = [MOST.to_string(), left.to_string(), known.until_ms.to_string(), unix_ms().to_string()];
        let [most, left, until, now] = &numbers;
        let (bucket, vector) = (known.bucket.hex(), known.vector.bytes());
        // The server reads fields that are asked for as text.
        let words = URL_SAFE_NO_PAD.encode(known.wording.bytes());
        let args = [
            most.as_bytes(),
            left.as_bytes(),
            until.as_bytes(),
            bucket.as_bytes(),
            &vector,
            known.key.as_bytes(),
            now.as_bytes(),
            words.as_bytes(),
        ];
        let link = self.link.patient(UNHURRIED);
        link.script(&self.add, &[name.as_bytes(), all.as_bytes()], &args).await.map(drop)
    }

    /// The question of a bucket that is most like the asked one, if it is like enough and may share its answer.
    ///
    /// # Errors
    /// As [`Link::query`]; a server that has lost its index refuses.
    pub async fn nearest(
        &self,
        bucket: &Bucket,
        (vector, wording): (&Vector, &Wording),
        least: f32,
    ) -> Result<Option<Found>, LinkError> {
        let mut command = cmd("FT.SEARCH");
        command.arg(self.index_of(vector.dimension()));
        command
            .arg(format!("(@bucket:{{{}}})=>[KNN {NEIGHBOURS} @vector $vector AS distance]", bucket.hex()));
        command.arg(&["PARAMS", "2", "vector"]).arg(vector.bytes());
        command.arg(&["SORTBY", "distance", "RETURN", "3", "distance", "key", "words", "DIALECT", "2"]);
        let Value::Array(reply) = self.link.query(&command).await? else { return Ok(None) };
        // Behind their number come names and fields by turns.
        let found = reply.iter().filter_map(|part| match part {
            Value::Array(fields) => read(fields),
            _ => None,
        });
        let fits = found
            .filter(|(found, known)| found.similarity >= least && known.may_share(wording, found.similarity));
        Ok(fits.map(|(found, _)| found).max_by(|a, b| a.similarity.total_cmp(&b.similarity)))
    }

    /// Forgets a question whose answer is gone.
    ///
    /// # Errors
    /// As [`Link::query`].
    pub async fn forget(&self, bucket: &Bucket, key: &str, dimension: usize) -> Result<(), LinkError> {
        let mut command = cmd("DEL");
        command.arg(self.name(bucket, key, dimension));
        self.link.query(&command).await.map(drop)
    }

    fn index_of(&self, dimension: usize) -> String {
        format!("{}:{dimension}", self.index)
    }

    fn name(&self, bucket: &Bucket, key: &str, dimension: usize) -> String {
        let own = Bucket::of(&[bucket.bytes(), key.as_bytes()]);
        format!("{}:{dimension}:{}", self.prefix, own.hex())
    }
}

fn read(fields: &[Value]) -> Option<(Found, Wording)> {
    let distance: f32 = text(field(fields, "distance")?)?.parse().ok()?;
    let key = text(field(fields, "key")?)?.into();
    let words = URL_SAFE_NO_PAD.decode(field(fields, "words")?).ok()?;
    Some((Found { key, similarity: (1.0 - distance).min(1.0) }, Wording::from_bytes(&words)?))
}
