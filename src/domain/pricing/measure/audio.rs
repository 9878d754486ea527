//! How long the audio of a transcription is.

use super::told_duration;
use crate::base::usage::{Units, Usage};

/// Bytes a second that audio of an unknown format is taken for: 64 kbit/s, between speech and music.
const USUAL_BYTES_A_SECOND: u64 = 8000;

/// A length of audio, and whether it is only a guess from the size of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Its length.
    pub milliseconds: u64,
    /// Whether nobody said it: it is guessed.
    pub guessed: bool,
}

/// The length of the audio in a file: read from the header of a WAV file, else guessed from its size. Used
/// before the call, to reserve for it, and after it where the answer says nothing.
pub fn heard(file: &[u8]) -> Heard {
    match wav(file) {
        Some(milliseconds) => Heard { milliseconds, guessed: false },
        None => {
            let bytes = u64::try_from(file.len()).unwrap_or(u64::MAX);
            Heard { milliseconds: bytes.saturating_mul(1000).div_ceil(USUAL_BYTES_A_SECOND), guessed: true }
        }
    }
}

impl Heard {
    /// The usage of a transcription: the provider's tokens or seconds, else the `duration` of its JSON, else
    /// the end of its last subtitle, else this.
    pub fn of_reply(self, reply: &str, usage: Option<Usage>) -> Usage {
        let usage = usage.unwrap_or_default();
        if usage.units.milliseconds > 0 {
            return usage;
        }
        let told = told_duration(reply).or_else(|| last_subtitle(reply));
        let units = Units { milliseconds: told.unwrap_or(self.milliseconds), ..usage.units };
        // Tokens that were counted are what is billed: the length is then only there to be seen.
        let estimated = usage.estimated || (told.is_none() && self.guessed && usage.total() == 0);
        Usage { units, estimated, ..usage }
    }
}

/// Milliseconds of a WAV file: the size of its samples over the bytes a second of its format.
fn wav(file: &[u8]) -> Option<u64> {
    if file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let number = |at: usize| {
        let bytes = file.get(at..at.checked_add(4)?)?;
        bytes.try_into().ok().map(u32::from_le_bytes)
    };
    let (mut at, mut rate) = (12_usize, None);
    loop {
        let (name, size) = (file.get(at..at.checked_add(4)?)?, number(at + 4)?);
        let body = at.checked_add(8)?;
        match name {
            b"fmt " => rate = number(body.checked_add(8)?).filter(|rate| *rate > 0),
            b"data" => {
                // A recorder that streams leaves the size open (0 or the maximum): all that is left then.
                let left = u64::try_from(file.len().saturating_sub(body)).ok()?;
                let size = if size == 0 { left } else { u64::from(size).min(left) };
                return Some((size * 1000).div_ceil(u64::from(rate?)));
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = body.checked_add(usize::try_from(size).ok()?)?.checked_add(usize::try_from(size & 1).ok()?)?;
    }
}

/// The end of the last subtitle of an SRT or WebVTT text (`00:00:01,500 --> 00:00:04,000`).
fn last_subtitle(text: &str) -> Option<u64> {
    let end = text.lines().rev().find_map(|line| line.split_once(" --> "))?.1;
    let mut milliseconds = 0.0;
    for part in end.split_whitespace().next()?.replace(',', ".").split(':') {
        milliseconds = milliseconds * 60.0 + part.parse::<f64>().ok().filter(|part| *part >= 0.0)? * 1000.0;
    }
    // A float is cut to a whole number, too large ones to the maximum.
    Some(milliseconds.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav_file(seconds: usize, announced: Option<u32>) -> Vec<u8> {
        let samples = vec![0_u8; seconds * 32_000];
        let mut file = b"RIFF....WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0".to_vec();
        file.extend(32_000_u32.to_le_bytes());
        file.extend(b"\x02\0\x10\0data");
        file.extend(announced.unwrap_or(samples.len() as u32).to_le_bytes());
        file.extend(samples);
        file
    }

    #[test]
    fn a_wav_file_says_how_long_it_is() {
        assert_eq!(heard(&wav_file(3, None)), Heard { milliseconds: 3000, guessed: false });
        assert_eq!(heard(&wav_file(2, Some(u32::MAX))), Heard { milliseconds: 2000, guessed: false });
        assert_eq!(heard(&wav_file(2, Some(0))), Heard { milliseconds: 2000, guessed: false });
        for broken in [&b"RIFF"[..], b"RIFF....WAVE", b"RIFF....WAVEdata\x01\0\0\0x", b""] {
            assert!(heard(broken).guessed);
        }
        assert_eq!(heard(&[0; 16_000]), Heard { milliseconds: 2000, guessed: true });
    }

    #[test]
    fn what_the_answer_says_counts_first() {
        let file = Heard { milliseconds: 9_000, guessed: true };
        let of = |reply: &str, usage: Option<Usage>| {
            let usage = file.of_reply(reply, usage);
            (usage.units.milliseconds, usage.estimated)
        };
        assert_eq!(of(r#"{"text":"x","duration":"8.47"}"#, None), (8470, false));
        assert_eq!(of("1\n00:00:01,500 --> 00:01:04,250\nHello\n", None), (64_250, false));
        assert_eq!(of("WEBVTT\n\n00:00.000 --> 00:03.000 line:0\nHi\n", None), (3000, false));
        assert_eq!(of(r#"{"text":"x"}"#, None), (9000, true));
        let counted = Usage { prompt_tokens: 4, ..Usage::default() };
        assert_eq!(of(r#"{"text":"x"}"#, Some(counted)), (9000, false));
        let seconds = Usage { units: Units { milliseconds: 5000, ..Units::default() }, ..Usage::default() };
        assert_eq!(of(r#"{"duration":8}"#, Some(seconds)), (5000, false));
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_survived(tail: Vec<u8>) {
            heard(&[b"RIFF....WAVE", &tail[..]].concat());
        }
    }
}
