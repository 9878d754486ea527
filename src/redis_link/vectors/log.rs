//! Known questions one behind the other in a stream, for replicas that compare them themselves.
//!
//! Nobody waits in Redis for news: who is about to compare reads what has come since (`XRANGE`), while the embedding
//! is being made that is to be compared. So a replica that is asked nothing does nothing, and one that was away reads
//! on where it was.

use redis::{Value, cmd};

use super::{HASTE, UNHURRIED, field, text, time_left};
use crate::domain::semantic::{Bucket, Known, MOST, Vector, Wording};
use crate::redis_link::{Link, LinkError, Script, State};

/// Questions that are read at once: 200 KB at 1536 dimensions.
const CHUNK: usize = 32;

/// Appends a question; the stream lives as long as its longest-lived one.
const APPEND: &str = "\
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', \
'bucket', ARGV[3], 'vector', ARGV[4], 'key', ARGV[5], 'until', ARGV[6], 'words', ARGV[7]) \
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end \
return 1";

/// The stream.
pub struct Log {
    link: Link,
    name: String,
    append: Script,
}

/// How far somebody has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Over which connection: another one may lead to another Redis.
    connection: u64,
    /// The first name that an entry may have that was not read.
    next: (u64, u64),
}

/// What has come.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    /// Whether what was read before may not be there any more.
    pub anew: bool,
    /// Further questions.
    pub known: Vec<Known>,
    /// Whether there may be more.
    pub more: bool,
}

impl Log {
    /// The stream behind a link.
    pub fn new(link: &Link) -> Self {
        let name = format!("{}cache:questions", link.prefix());
        Log { link: link.patient(HASTE), name, append: Script::new(APPEND) }
    }

    /// Adds a question; the oldest make place.
    ///
    /// # Errors
    /// As [`Link::query`]; it may have been added.
    pub async fn append(&self, known: &Known) -> Result<(), LinkError> {
        let Some(left) = time_left(known) else { return Ok(()) };
        let (most, left, until) = (MOST.to_string(), left.to_string(), known.until_ms.to_string());
        let (vector, words) = (known.vector.bytes(), known.wording.bytes());
        let args = [
            most.as_bytes(),
            left.as_bytes(),
            known.bucket.bytes(),
            &vector,
            known.key.as_bytes(),
            until.as_bytes(),
            &words,
        ];
        let link = self.link.patient(UNHURRIED);
        link.script(&self.append, &[self.name.as_bytes()], &args).await.map(drop)
    }

    /// Reads on from a place, and moves it.
    ///
    /// # Errors
    /// As [`Link::query`]; the place is as it was.
    pub async fn read_on(&self, place: &mut Place) -> Result<News, LinkError> {
        let State::Up(connection) = self.link.state() else { return Err(LinkError::Down) };
        let anew = connection != place.connection;
        let from = if anew { (0, 0) } else { place.next };
        let mut command = cmd("XRANGE");
        command.arg(&self.name).arg(format!("{}-{}", from.0, from.1)).arg("+").arg("COUNT").arg(CHUNK);
        let Value::Array(entries) = self.link.query(&command).await? else {
            return Err(LinkError::Broken("a stream is no list".to_owned()));
        };
        let mut news = News { anew, more: entries.len() >= CHUNK, ..News::default() };
        let mut next = from;
        for entry in &entries {
            let Value::Array(parts) = entry else { continue };
            let [Value::BulkString(id), Value::Array(fields)] = parts.as_slice() else { continue };
            if let Some((ms, number)) = text(id).and_then(|id| id.split_once('-')) {
                let parsed = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
                next = (parsed(ms), parsed(number).saturating_add(1));
            }
            // What this program cannot read, another version of it may have written.
            news.known.extend(read(fields));
        }
        *place = Place { connection, next };
        Ok(news)
    }
}

fn read(fields: &[Value]) -> Option<Known> {
    Some(Known {
        bucket: Bucket::from_bytes(field(fields, "bucket")?)?,
        vector: Vector::from_bytes(field(fields, "vector")?)?,
        wording: Wording::from_bytes(field(fields, "words")?)?,
        key: text(field(fields, "key")?)?.into(),
        until_ms: text(field(fields, "until")?)?.parse().ok()?,
    })
}
