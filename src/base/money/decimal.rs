//! Decimal text to scaled integers, exactly: no float stands between a price list and a bill.

/// Significant digits that are kept; what follows them is below any unit of money here.
const KEPT_DIGITS: u32 = 36;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a decimal number (`nan`, `inf` and hexadecimal numbers are none).
    #[error("is not a decimal number")]
    NotANumber,
    /// Larger than any amount that is kept.
    #[error("is too large an amount")]
    TooLarge,
}

/// `text` times 10 to the power of `scale`, rounded half away from zero to a whole number.
///
/// Takes what JSON, YAML and Python write for numbers: `5`, `5.00`, `1e-06`, `.5`, `+2`.
///
/// # Errors
/// [`DecimalError`], when it is no number or does not fit.
pub(super) fn scaled(text: &str, scale: i32) -> Result<i128, DecimalError> {
    let text = text.trim();
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)),
        Some(b'+') => (false, text.get(1..)),
        _ => (false, Some(text)),
    };
    let unsigned = unsigned.unwrap_or_default();
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, power(exponent)?),
        None => (unsigned, 0),
    };
    let (mantissa, shift) = mantissa(digits)?;
    let magnitude = shifted(mantissa, exponent.saturating_add(shift).saturating_add(scale))?;
    Ok(if negative { -magnitude } else { magnitude })
}

/// The exponent behind `e`.
fn power(text: &str) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    // An exponent beyond this range makes every amount nothing or too large.
    let magnitude = digits.parse::<i32>().unwrap_or(i32::MAX / 4).min(i32::MAX / 4);
    Ok(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// The digits as a whole number, and the power of ten that it has to be multiplied with.
fn mantissa(digits: &str) -> Result<(i128, i32), DecimalError> {
    let (mut value, mut kept, mut shift): (i128, u32, i32) = (0, 0, 0);
    let (mut point, mut any) = (false, false);
    for byte in digits.bytes() {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                any = true;
                if kept < KEPT_DIGITS {
                    value = value * 10 + i128::from(byte - b'0');
                    kept += u32::from(value != 0);
                    shift -= i32::from(point);
                } else {
                    shift = shift.saturating_add(i32::from(!point));
                }
            }
            _ => return Err(DecimalError::NotANumber),
        }
    }
    if any { Ok((value, shift)) } else { Err(DecimalError::NotANumber) }
}

/// `value` times ten to the power of `by`.
fn shifted(value: i128, by: i32) -> Result<i128, DecimalError> {
    if value == 0 {
        return Ok(0);
    }
    let power = 10_i128.checked_pow(by.unsigned_abs());
    if by >= 0 {
        return power.and_then(|power| value.checked_mul(power)).ok_or(DecimalError::TooLarge);
    }
    Ok(power.map_or(0, |power| divide_half_up(value, power)))
}

/// Divides by a positive number and rounds to the nearest whole number, halves away from zero.
pub(super) fn divide_half_up(value: i128, by: i128) -> i128 {
    // What a request costs is small. A division of 128 bits is a routine of sixty instructions, and a bill has ten.
    if let (Ok(value), Ok(by)) = (i64::try_from(value), i64::try_from(by)) {
        let (whole, rest) = (value / by, value % by);
        let up = rest.unsigned_abs() >= by.unsigned_abs().div_ceil(2);
        return i128::from(whole) + i128::from(if up { value.signum() } else { 0 });
    }
    let (whole, rest) = (value / by, value % by);
    let up = rest.unsigned_abs() >= by.unsigned_abs().div_ceil(2);
    whole + if up { value.signum() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_number() {
        for (text, nanos) in [
            ("5", 5_000_000_000),
            ("5.00", 5_000_000_000),
            ("+2", 2_000_000_000),
            (".5", 500_000_000),
            ("7.", 7_000_000_000),
            ("1e-06", 1_000),
            ("1E3", 1_000_000_000_000),
            ("-0.1", -100_000_000),
            ("0.0000000005", 1),
            ("-0.0000000005", -1),
            ("0.00000000049999999999999999999999999999999999999999", 0),
            ("1e-400", 0),
            ("0e999999999999", 0),
            (" 0.1 ", 100_000_000),
            ("0.30000000000000004", 300_000_000),
        ] {
            assert_eq!(scaled(text, 9), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_says_so() {
        for text in
            ["", "-", ".", "e5", "1e", "1e+", "nan", "inf", "0x10", "1_000", "1 0", "1.2.3", "$5", "1e5.0"]
        {
            assert_eq!(scaled(text, 9), Err(DecimalError::NotANumber), "{text:?}");
        }
        for text in ["1e40", "1e999999999999", "9".repeat(60).as_str()] {
            assert_eq!(scaled(text, 9), Err(DecimalError::TooLarge), "{text:?}");
        }
    }
}
