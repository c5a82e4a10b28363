//! Numbers as gopher-lua, and so Karmada, writes and reads them.

/// The text of a number: whole numbers in full, others by the shortest text that gives them back, with an
/// exponent below 0.0001 and from a million on.
pub(crate) fn text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match whole(number) {
        Some(whole) => whole.to_string(),
        None => shortest(number),
    }
}

/// The number as an integer, where it is one that fits.
pub(crate) fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && (-(2_f64.powi(63))..2_f64.powi(63)).contains(&number);
    fits.then_some(number as i64)
}

/// Go's `%v` of a float.
pub(crate) fn shortest(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => exponential(digits, exponent),
        _ => format!("{number}"),
    }
}

/// Digits and an exponent of at least two digits, with its sign.
pub(crate) fn exponential(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// `tonumber`: with a point a float, otherwise a whole number in a radix (16 after `0x`) that fits 64 bits.
pub(crate) fn parse(text: &str, radix: Option<u32>) -> Option<f64> {
    let text = text.trim_matches([' ', '\n', '\t']);
    if text.contains('.') {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b'e' | b'E'));
        return if plain { text.parse().ok() } else { None };
    }
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if radix.is_none() => i64::from_str_radix(digits, 16),
        _ => i64::from_str_radix(text, radix.unwrap_or(10)),
    }
    .ok()
    .map(|whole| whole as f64)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(3.0, "3")]
    #[case(-0.0, "0")]
    #[case(1e15, "1000000000000000")]
    #[case(9007199254740993.0, "9007199254740992")]
    #[case(1e19, "1e+19")]
    #[case(0.1 + 0.2, "0.30000000000000004")]
    #[case(1234567.5, "1.2345675e+06")]
    #[case(123456.5, "123456.5")]
    #[case(0.0001, "0.0001")]
    #[case(0.00001, "1e-05")]
    #[case(f64::INFINITY, "+Inf")]
    #[case(f64::NAN, "NaN")]
    fn writes(#[case] number: f64, #[case] expected: &str) {
        assert_eq!(text(number), expected);
    }

    #[rstest]
    #[case("10", None, Some(10.0))]
    #[case(" 10\n", None, Some(10.0))]
    #[case("0x1F", None, Some(31.0))]
    #[case("-7", None, Some(-7.0))]
    #[case("1.5", None, Some(1.5))]
    #[case("1.5e3", None, Some(1500.0))]
    #[case("1e3", None, None)]
    #[case("ff", Some(16), Some(255.0))]
    #[case("", None, None)]
    #[case("5Gi", None, None)]
    #[case("9223372036854775808", None, None)]
    #[case("1.x", None, None)]
    fn reads(#[case] text: &str, #[case] radix: Option<u32>, #[case] expected: Option<f64>) {
        assert_eq!(parse(text, radix), expected, "{text}");
    }
}
