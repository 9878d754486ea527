//! Mocked pictures and sounds: as small as valid files can be.

use serde_json::{Map, Value, json};

use super::{Mock, Shown, on, whole};
use crate::base::error::Error;

/// A PNG of one transparent pixel, in base64.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// Samples a second of the mocked speech, one byte each.
const RATE: u32 = 8_000;

/// A tenth of a second.
const SAMPLES: u32 = RATE / 10;

/// `n` pictures, inline or (`response_format: url`) as data URLs, because there is no server to fetch from.
pub(super) fn images(request: &Map<String, Value>, shown: &Shown<'_>) -> Result<Value, Error> {
    let n = whole(request, "n", 1, (1, 10))?;
    let by_url = request.get("response_format").and_then(Value::as_str) == Some("url");
    let image = if by_url {
        json!({"url": format!("data:image/png;base64,{PIXEL}")})
    } else {
        json!({"b64_json": PIXEL})
    };
    Ok(json!({"created": shown.created, "data": (0..n).map(|_| image.clone()).collect::<Vec<_>>()}))
}

/// A tenth of a second of silence as a WAV file, whatever format was asked for.
pub(super) fn speech() -> Mock {
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + SAMPLES).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes()); // size of the format chunk
    wav.extend_from_slice(&1u16.to_le_bytes()); // PCM
    wav.extend_from_slice(&1u16.to_le_bytes()); // mono
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&RATE.to_le_bytes()); // bytes a second
    wav.extend_from_slice(&1u16.to_le_bytes()); // bytes a sample
    wav.extend_from_slice(&8u16.to_le_bytes()); // bits a sample
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&SAMPLES.to_le_bytes());
    wav.extend(std::iter::repeat_n(128u8, usize::try_from(SAMPLES).unwrap_or_default()));
    Mock::Binary { content_type: "audio/wav", bytes: wav }
}

/// The text as a transcription in the format asked for.
pub(super) fn transcription(text: &str, request: &Map<String, Value>) -> Mock {
    let plain =
        |text: String| Mock::Binary { content_type: "text/plain; charset=utf-8", bytes: text.into_bytes() };
    if on(request, "stream") {
        return Mock::Stream(vec![
            json!({"type": "transcript.text.delta", "delta": text}),
            json!({"type": "transcript.text.done", "text": text}),
        ]);
    }
    match request.get("response_format").and_then(Value::as_str) {
        Some("text") => plain(format!("{text}\n")),
        Some("srt") => plain(format!("1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n")),
        Some("vtt") => plain(format!("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n")),
        Some("verbose_json") => Mock::Whole(json!({
            "task": "transcribe",
            "language": "english",
            "duration": 1.0,
            "text": text,
            "segments": [{
                "id": 0, "seek": 0, "start": 0.0, "end": 1.0, "text": text, "tokens": [], "temperature": 0.0,
                "avg_logprob": 0.0, "compression_ratio": 1.0, "no_speech_prob": 0.0,
            }],
        })),
        _ => Mock::Whole(json!({"text": text})),
    }
}
