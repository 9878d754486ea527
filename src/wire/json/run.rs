//! The plain run of a string: the bytes before the next one that a JSON scanner must look at.
//!
//! Bodies are mostly text, so this is where a scan spends its time: sixteen bytes at a time, which is one
//! vector register on every x86-64 and 64-bit ARM.

use wide::u8x16;

/// How many leading bytes are neither quote, backslash nor control character.
#[inline]
pub fn plain_run(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk() {
        if let Some(within) = first_special(block) {
            return bytes.len() - rest.len() + within;
        }
        rest = after;
    }
    let tail = rest.iter().position(|&byte| special(byte)).unwrap_or(rest.len());
    bytes.len() - rest.len() + tail
}

#[inline]
fn special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

#[inline]
fn first_special(block: &[u8; 16]) -> Option<usize> {
    let block = u8x16::new(*block);
    // The smaller of a byte and 0x1f is the byte itself exactly for control characters.
    let control = block.min(u8x16::splat(0x1f)).simd_eq(block);
    let quote = block.simd_eq(u8x16::splat(b'"'));
    let backslash = block.simd_eq(u8x16::splat(b'\\'));
    let hits = (control | quote | backslash).to_bitmask();
    (hits != 0).then(|| hits.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_bytes_are_found_at_every_offset() {
        for len in 0..80 {
            for special in [b'"', b'\\', 0x1f, 0] {
                let mut text = vec![0xE9u8; len];
                text.push(special);
                text.extend_from_slice(b"\"\\tail of the text that is long enough for a block");
                assert_eq!(plain_run(&text), len);
            }
        }
    }
}
