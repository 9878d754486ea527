//! Unquoted words as YAML 1.1 reads them, the way PyYAML does.
//!
//! <https://yaml.org/type/>: `yes` is true, `010` is eight, `1:30` is ninety. Dates stay text, because an
//! unquoted `api_version: 2024-02-01` means the text.

use super::Yaml;

/// What a plain (unquoted) scalar means.
pub fn resolve(word: &str) -> Yaml {
    if is_null(word) {
        return Yaml::Null;
    }
    bool_of(word)
        .map(Yaml::Bool)
        .or_else(|| int_of(word))
        .or_else(|| float_of(word).map(Yaml::Float))
        .unwrap_or_else(|| Yaml::Text(word.to_owned()))
}

/// Whether the word is one of the forms of null.
pub fn is_null(word: &str) -> bool {
    matches!(word, "" | "~" | "null" | "Null" | "NULL")
}

/// The truth value of `yes`, `off` and their kin.
pub fn bool_of(word: &str) -> Option<bool> {
    match word {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Binary, octal (`010`), hexadecimal, sexagesimal (`1:30`) and decimal whole numbers, `_` between digits.
///
/// Numbers beyond 64 bits become floats.
pub fn int_of(word: &str) -> Option<Yaml> {
    let (negative, digits) = signed(word);
    let first = digits.bytes().next()?;
    if !first.is_ascii_digit() {
        return None;
    }
    let (radix, body) = if let Some(body) = digits.strip_prefix("0b") {
        (2, body)
    } else if let Some(body) = digits.strip_prefix("0x") {
        (16, body)
    } else if digits.len() > 1 && first == b'0' {
        (8, &digits[1..])
    } else if digits.contains(':') {
        return (first != b'0').then(|| sexagesimal(digits))?.map(|n| whole(negative, n));
    } else {
        (10, digits)
    };
    let clean: String = body.chars().filter(|c| *c != '_').collect();
    if body.is_empty() || !clean.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let number = clean
        .chars()
        .filter_map(|c| c.to_digit(radix))
        .try_fold(0_i128, |sum, digit| sum.checked_mul(i128::from(radix))?.checked_add(i128::from(digit)));
    Some(match number {
        Some(number) => whole(negative, number),
        None => Yaml::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
    })
}

/// Numbers with a point (an exponent needs both a point and a sign), `.inf`, `.nan`, `1:30.5`.
pub fn float_of(word: &str) -> Option<f64> {
    let (negative, digits) = signed(word);
    let magnitude = match digits {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if word == digits => f64::NAN,
        _ if digits.contains(':') => sexagesimal_float(digits)?,
        _ if digits.starts_with('.') && word != digits => return None,
        _ => decimal(digits)?,
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn signed(word: &str) -> (bool, &str) {
    match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    }
}

fn whole(negative: bool, magnitude: i128) -> Yaml {
    let number = if negative { -magnitude } else { magnitude };
    // The loss of digits is YAML's own answer to numbers that fit no integer here.
    #[allow(clippy::cast_precision_loss)]
    i64::try_from(number).map_or(Yaml::Float(number as f64), Yaml::Int)
}

/// `1:30:05` in base 60: all but the first part are 0 to 59.
fn sexagesimal(digits: &str) -> Option<i128> {
    let mut sum = 0_i128;
    for (index, part) in digits.split(':').enumerate() {
        let clean: String =
            if index == 0 { part.chars().filter(|c| *c != '_').collect() } else { part.to_owned() };
        if clean.is_empty() || !clean.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: i128 = clean.parse().ok()?;
        if index > 0 && (part.len() > 2 || number > 59) {
            return None;
        }
        sum = sum.checked_mul(60)?.checked_add(number)?;
    }
    Some(sum)
}

/// `1:30.5`: base 60 with a fraction.
#[allow(clippy::cast_precision_loss)]
fn sexagesimal_float(digits: &str) -> Option<f64> {
    let (whole, fraction) = digits.split_once('.')?;
    let fraction: String = fraction.chars().filter(|c| *c != '_').collect();
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
    Some(sexagesimal(whole)? as f64 + fraction)
}

fn decimal(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(split) => (&digits[..split], Some(&digits[split + 1..])),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let starts_with_digit = |text: &str| text.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let shaped = is_digits(whole)
        && is_digits(fraction)
        && if whole.is_empty() { starts_with_digit(fraction) } else { starts_with_digit(whole) };
    let exponent_ok = exponent.is_none_or(|text| {
        text.strip_prefix(['+', '-']).is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    });
    if !shaped || !exponent_ok {
        return None;
    }
    let clean: String = digits.chars().filter(|c| *c != '_').collect();
    // A leading zero makes `.5` and `5.` readable to Rust; infinity is what PyYAML gives for `1.0e+999`.
    format!("0{clean}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &str) -> Yaml {
        Yaml::Text(word.to_owned())
    }

    #[test]
    fn words_mean_what_pyyaml_reads() {
        for word in ["yes", "Yes", "YES", "on", "True", "TRUE"] {
            assert_eq!(resolve(word), Yaml::Bool(true), "{word}");
        }
        for word in ["no", "off", "Off", "False"] {
            assert_eq!(resolve(word), Yaml::Bool(false), "{word}");
        }
        for word in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(word), Yaml::Null, "{word}");
        }
        for word in [
            "y",
            "n",
            "yEs",
            "nUll",
            "None",
            "none",
            "1e3",
            "1.0e3",
            "08",
            "0o17",
            "1:60",
            "_1",
            "2024-02-01",
            "1.2.3",
            ".",
            "-",
            "+",
            "1 000",
            "0x",
            "0b",
            ".e+1",
            "+.5",
            "-.nan",
            "0:30",
            "é",
            "1:",
        ] {
            assert_eq!(resolve(word), text(word), "{word}");
        }
    }

    #[test]
    fn numbers_mean_what_pyyaml_reads() {
        let ints = [
            ("0", 0),
            ("-0", 0),
            ("1_000", 1000),
            ("010", 8),
            ("0x1F", 31),
            ("0b1_01", 5),
            ("-12", -12),
            ("+7", 7),
            ("1:30", 90),
            ("1:30:05", 5405),
            ("-1:30", -90),
            ("0x_a", 10),
            ("1_:30", 90),
        ];
        for (word, number) in ints {
            assert_eq!(resolve(word), Yaml::Int(number), "{word}");
        }
        let floats = [
            ("1.5", 1.5),
            ("-1.5", -1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1_0.2_5", 10.25),
            ("1.0e+3", 1000.0),
            ("1.e-1", 0.1),
            ("1:30.5", 90.5),
            (".inf", f64::INFINITY),
            ("-.INF", f64::NEG_INFINITY),
            ("9223372036854775808", 9_223_372_036_854_775_808.0),
            ("-1:30.", -90.0),
        ];
        for (word, number) in floats {
            assert_eq!(resolve(word), Yaml::Float(number), "{word}");
        }
        assert!(matches!(resolve(".nan"), Yaml::Float(n) if n.is_nan()));
    }
}
