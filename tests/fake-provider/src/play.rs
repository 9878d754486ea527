//! Puts a reply on the wire the way the script wants it: late, slow, in pieces, or not to its end.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use crate::http::{head, push_chunk};
use crate::reply::{Event, Reply};
use crate::script::Script;

/// What becomes of the connection after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The reply is whole; the connection may serve the next request.
    Whole,
    /// Close the connection: the reply was meant to break off here.
    Close,
    /// Reset the connection.
    Reset,
}

/// Sends `reply` under `script`. Never returns when the script hangs or stalls.
///
/// # Errors
/// The client is gone.
pub async fn play<W: AsyncWrite + Unpin>(
    w: &mut W,
    reply: Reply,
    script: &Script,
    keep_alive: bool,
) -> io::Result<After> {
    if let Some(ms) = script.slow {
        sleep(Duration::from_millis(ms)).await;
    }
    if script.hang {
        std::future::pending::<()>().await;
    }
    if script.close {
        return Ok(After::Close);
    }
    if script.reset {
        return Ok(After::Reset);
    }
    match reply {
        Reply::Full { status, content_type, mut headers, body } => {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
            let mut out = head(status, &headers, Some(body.len()), !keep_alive);
            if script.cut.is_some() && status == 200 {
                out.extend_from_slice(body.get(..body.len() / 2).unwrap_or_default());
                w.write_all(&out).await?;
                return Ok(After::Close);
            }
            write_body(w, out, &body).await?;
            Ok(After::Whole)
        }
        Reply::Stream { mut headers, events, broken } => {
            headers.push(("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned()));
            headers.push(("cache-control".to_owned(), "no-cache".to_owned()));
            w.write_all(&head(200, &headers, None, !keep_alive)).await?;
            stream(w, &events, broken, script).await
        }
    }
}

/// Small replies go out in one write, large ones are not copied.
async fn write_body<W: AsyncWrite + Unpin>(w: &mut W, mut out: BytesMut, body: &Bytes) -> io::Result<()> {
    if body.len() <= 64 * 1024 {
        out.extend_from_slice(body);
        return w.write_all(&out).await;
    }
    w.write_all(&out).await?;
    w.write_all(body).await
}

async fn stream<W: AsyncWrite + Unpin>(
    w: &mut W,
    events: &[Event],
    broken: Bytes,
    script: &Script,
) -> io::Result<After> {
    if let Some(ms) = script.first_chunk_delay {
        sleep(Duration::from_millis(ms)).await;
    }
    let mut together = BytesMut::new();
    let mut sent = 0;
    for event in events {
        if script.breaks_after() == Some(sent) {
            return break_off(w, broken, script).await;
        }
        if event.content {
            if let (Some(ms), true) = (script.chunk_delay, sent > 0) {
                sleep(Duration::from_millis(ms)).await;
            }
            if script.comments {
                write_event(w, &Bytes::from_static(b": fake provider is working\n\n"), script).await?;
            }
        }
        if script.coalesce {
            push_chunk(&mut together, &event.bytes);
        } else {
            write_event(w, &event.bytes, script).await?;
        }
        sent += usize::from(event.content);
    }
    together.extend_from_slice(b"0\r\n\r\n");
    w.write_all(&together).await?;
    Ok(After::Whole)
}

/// The scripted end of a stream that was promised to be longer.
async fn break_off<W: AsyncWrite + Unpin>(w: &mut W, broken: Bytes, script: &Script) -> io::Result<After> {
    let at = script.breaks_after();
    if script.stall_after == at {
        std::future::pending::<()>().await;
    }
    if script.cut == at {
        return Ok(After::Close);
    }
    if script.midstream_error == at {
        write_event(w, &broken, script).await?;
    }
    w.write_all(b"0\r\n\r\n").await?;
    Ok(After::Whole)
}

async fn write_event<W: AsyncWrite + Unpin>(w: &mut W, event: &Bytes, script: &Script) -> io::Result<()> {
    let event = if script.crlf {
        Bytes::from(String::from_utf8_lossy(event).replace('\n', "\r\n"))
    } else {
        event.clone()
    };
    let mut out = BytesMut::with_capacity(event.len() + 16);
    if script.split && event.len() > 1 {
        let (first, second) = event.split_at(event.len() / 2);
        push_chunk(&mut out, first);
        w.write_all(&out).await?;
        w.flush().await?;
        // Not a wait for anything: it only keeps the kernel from gluing the halves together.
        sleep(Duration::from_millis(1)).await;
        out.clear();
        push_chunk(&mut out, second);
    } else {
        push_chunk(&mut out, &event);
    }
    w.write_all(&out).await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn played(script: &str) -> (String, After) {
        let events = vec![
            Event::data("role", false),
            Event::data("a", true),
            Event::data("b", true),
            Event::data("end", false),
        ];
        let mut out = Vec::new();
        let script = Script::from_key(script).unwrap();
        let reply = Reply::stream(events, Bytes::from_static(b"data: broken\n\n"));
        let after = play(&mut out, reply, &script, true).await.unwrap();
        (String::from_utf8(out).unwrap(), after)
    }

    #[tokio::test]
    async fn a_cut_stream_has_no_end_of_body() {
        let (wire, after) = played("sk-fake.cut=1").await;
        assert!(wire.contains("data: a") && !wire.contains("data: b") && !wire.ends_with("0\r\n\r\n"));
        assert_eq!(after, After::Close);
    }

    #[tokio::test]
    async fn a_clean_cut_ends_in_good_order_without_the_rest() {
        let (wire, after) = played("sk-fake.clean_cut=1").await;
        assert!(wire.contains("data: a") && !wire.contains("data: end") && wire.ends_with("0\r\n\r\n"));
        assert_eq!(after, After::Whole);
    }

    #[tokio::test]
    async fn an_error_comes_between_chunks() {
        let (wire, _) = played("sk-fake.midstream_error=1").await;
        assert!(wire.contains("data: broken") && !wire.contains("data: b\n") && wire.contains("data: a"));
    }

    #[tokio::test]
    async fn a_healthy_stream_is_whole() {
        let (wire, after) = played("sk-fake.comments.crlf").await;
        assert!(wire.ends_with("0\r\n\r\n") && wire.contains(": fake provider"));
        assert_eq!(after, After::Whole);
    }
}
