//! [`Quantity`]: Kubernetes' fixed-point numbers (`500m`, `1.5Gi`, `3e2`).
//!
//! A quantity is a whole number of billionths, so arithmetic on it is exact; a text with more than nine
//! decimal places is rounded away from zero, as Kubernetes does. Two quantities are equal when their
//! values are, however they are written.
//!
//! **Invariant:** `Quantity::parse(q.to_string()) == q`, and the text is Kubernetes' canonical form: no
//! fraction, and the largest suffix that loses nothing.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub, SubAssign},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::Error;

const NANO: i128 = 1_000_000_000;
/// Past this, binary quantities are capped.
const BINARY_MAX: i128 = i64::MAX as i128 * NANO;
const DECIMAL: [(&str, u32); 10] =
    [("n", 0), ("u", 3), ("m", 6), ("", 9), ("k", 12), ("M", 15), ("G", 18), ("T", 21), ("P", 24), ("E", 27)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// How a quantity is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Powers of 1000: `n u m k M G T P E`.
    #[default]
    DecimalSi,
    /// Powers of 1024: `Ki Mi Gi Ti Pi Ei`.
    BinarySi,
    /// An exponent: `12e6`.
    DecimalExponent,
}

/// A Kubernetes quantity. Its magnitude stays below 1.7 × 10²⁹; arithmetic saturates there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nanos: 0, format: Format::DecimalSi };

    /// A whole number.
    pub fn new(value: i64, format: Format) -> Self {
        Self { nanos: i128::from(value) * NANO, format }
    }

    /// A number of thousandths, written in decimal: `from_milli(1500)` is `1500m`.
    pub fn from_milli(value: i64) -> Self {
        Self { nanos: i128::from(value) * 1_000_000, format: Format::DecimalSi }
    }

    /// Reads a quantity as Kubernetes does; surrounding space is ignored. Binary quantities past
    /// 2⁶³−1 are capped; others are an error when they leave the range of the type.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text.trim()).map_err(|reason| Error::Quantity { text: text.to_owned(), reason })
    }

    /// Reads a quantity out of JSON, where it is a string or a number.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            other => Err(Error::Quantity { text: other.to_string(), reason: "neither a string nor a number" }),
        }
    }

    /// How it is written.
    pub fn format(self) -> Format {
        self.format
    }

    /// The same value, written otherwise.
    #[must_use]
    pub fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// The value rounded away from zero to a whole number, within `i64`.
    pub fn value(self) -> i64 {
        clamp(round_away(self.nanos, NANO))
    }

    /// The value in thousandths, rounded away from zero, within `i64`.
    pub fn milli_value(self) -> i64 {
        clamp(round_away(self.nanos, 1_000_000))
    }

    /// The value as a float, for ratios and display.
    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANO as f64
    }

    /// Whether it is 0.
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Whether it is below 0.
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// The quantity times a whole number.
    #[must_use]
    pub fn scale(self, factor: i64) -> Self {
        Self { nanos: self.nanos.saturating_mul(i128::from(factor)), ..self }
    }

    /// How many times `unit` fits in whole; `None` when `unit` is not above 0. Below 0 nothing fits.
    pub fn fits(self, unit: Self) -> Option<i64> {
        (unit.nanos > 0).then(|| clamp(self.nanos.max(0) / unit.nanos))
    }

    /// The quantity rounded away from zero to thousandths.
    #[must_use]
    pub fn round_to_milli(self) -> Self {
        Self { nanos: round_away(self.nanos, 1_000_000).saturating_mul(1_000_000), ..self }
    }

    /// The quantity rounded away from zero to a whole number.
    #[must_use]
    pub fn round_to_unit(self) -> Self {
        Self { nanos: round_away(self.nanos, NANO).saturating_mul(NANO), ..self }
    }

    /// The format of a sum: that of the first part which is not zero.
    fn joined(self, other: Self) -> Format {
        if self.is_zero() { other.format } else { self.format }
    }
}

fn round_away(nanos: i128, unit: i128) -> i128 {
    let whole = nanos / unit;
    if nanos % unit == 0 { whole } else { whole + nanos.signum() }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

fn parse(text: &str) -> Result<Quantity, &'static str> {
    let (negative, unsigned) = match text.as_bytes().first() {
        None => return Err("it is empty"),
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) => (false, text),
    };
    let number_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') {
        return Err("it has two decimal points");
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err("it has no digits");
    }
    let (format, power) = suffix_of(suffix)?;
    // The digits are a whole number times 10^(exponent - length of the fraction), in billionths.
    let digits = whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0');
    let (mantissa, dropped, lost) = mantissa_of(digits)?;
    let places = i64::try_from(fraction.len()).map_err(|_| "it is too long")?;
    let (multiplier, exponent) = match power {
        Power::Ten(exponent) => (1, exponent),
        Power::Two(bits) => (1_i128 << bits, 0),
    };
    let exponent = exponent.saturating_sub(places).saturating_add(9).saturating_add(dropped);
    let (nanos, format) = match shift(mantissa, multiplier, exponent, lost) {
        Some(nanos) if format == Format::BinarySi => {
            let capped = nanos.min(BINARY_MAX);
            (capped, if capped > 0 && capped < NANO { Format::DecimalSi } else { format })
        }
        None if format == Format::BinarySi => (BINARY_MAX, format),
        Some(nanos) => (nanos, format),
        None => return Err("it is too large"),
    };
    Ok(Quantity { nanos: if negative { -nanos } else { nanos }, format })
}

/// The first digits that fit with room for a binary suffix, how many were dropped, and whether any of those was not 0.
fn mantissa_of(digits: impl Iterator<Item = u8>) -> Result<(i128, i64, bool), &'static str> {
    const ROOM: i128 = i128::MAX / 10 - 1;
    let (mut mantissa, mut dropped, mut lost) = (0_i128, 0_i64, false);
    for digit in digits {
        let digit = i128::from(digit - b'0');
        if dropped == 0 && mantissa < ROOM {
            mantissa = mantissa * 10 + digit;
        } else {
            dropped += 1;
            lost |= digit != 0;
        }
    }
    Ok((mantissa, dropped, lost))
}

/// `mantissa * multiplier * 10^exponent`, rounded up; `None` when it does not fit.
fn shift(mantissa: i128, multiplier: i128, exponent: i64, lost: bool) -> Option<i128> {
    if mantissa == 0 {
        return Some(0);
    }
    if exponent >= 0 {
        let power = 10_i128.checked_pow(u32::try_from(exponent).ok()?)?;
        return mantissa.checked_mul(multiplier)?.checked_mul(power);
    }
    let Some(power) = u32::try_from(-exponent).ok().and_then(|places| 10_i128.checked_pow(places)) else {
        // Something that is smaller than a billionth counts as one.
        return Some(1);
    };
    // Whole and remainder apart, so that a long fraction with a binary suffix does not overflow.
    let (whole, rest) = (mantissa / power, mantissa % power);
    let low = match rest.checked_mul(multiplier) {
        Some(product) => round_away(product, power) + i128::from(lost && product % power == 0),
        None => round_away(rest, power / multiplier),
    };
    whole.checked_mul(multiplier)?.checked_add(low)
}

enum Power {
    Ten(i64),
    Two(u32),
}

fn suffix_of(suffix: &str) -> Result<(Format, Power), &'static str> {
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::DecimalSi, Power::Ten(i64::from(*power) - 9)));
    }
    if let Some((_, bits)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::BinarySi, Power::Two(*bits)));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).ok_or("its suffix is unknown")?;
    exponent
        .parse::<i32>()
        .map(|exponent| (Format::DecimalExponent, Power::Ten(exponent.into())))
        .map_err(|_| "its exponent is not a whole number")
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        let small = self.nanos.unsigned_abs() < 1024 * NANO.unsigned_abs();
        if self.format == Format::BinarySi && !small && self.nanos % NANO == 0 {
            let mut number = self.nanos / NANO;
            let mut suffix = "";
            for (name, _) in BINARY {
                if number % 1024 != 0 {
                    break;
                }
                number /= 1024;
                suffix = name;
            }
            return write!(f, "{number}{suffix}");
        }
        let mut number = self.nanos;
        let mut power = 0_usize;
        let highest = if self.format == Format::DecimalExponent { 12 } else { DECIMAL.len() - 1 };
        while power < highest && number % 1000 == 0 {
            number /= 1000;
            power += 1;
        }
        match (self.format, DECIMAL.get(power)) {
            (Format::DecimalSi | Format::BinarySi, Some((suffix, _))) => write!(f, "{number}{suffix}"),
            _ if power == 3 => write!(f, "{number}"),
            _ => write!(f, "{number}e{}", power as i64 * 3 - 9),
        }
    }
}

impl FromStr for Quantity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_add(other.nanos), format: self.joined(other) }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { nanos: self.nanos.saturating_sub(other.nanos), format: self.joined(other) }
    }
}

impl Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self { nanos: self.nanos.saturating_neg(), ..self }
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", "0")]
    #[case("0Gi", "0")]
    #[case("-0", "0")]
    #[case("1", "1")]
    #[case("+1", "1")]
    #[case("0.5", "500m")]
    #[case(".5", "500m")]
    #[case("5.", "5")]
    #[case("1.5Gi", "1536Mi")]
    #[case("1.5", "1500m")]
    #[case("1000m", "1")]
    #[case("1024", "1024")]
    #[case("1024Ki", "1Mi")]
    #[case("1000Ki", "1000Ki")]
    #[case("0.5Ki", "512")]
    #[case("0.001Ki", "1024m")]
    #[case("1Ki", "1Ki")]
    #[case("1.1Ki", "1126400m")]
    #[case("1000k", "1M")]
    #[case("1500000", "1500k")]
    #[case("1e3", "1e3")]
    #[case("1E3", "1e3")]
    #[case("12e-1", "1200e-3")]
    #[case("100e2", "10e3")]
    #[case("1E", "1E")]
    #[case("1Ei", "1Ei")]
    #[case("9Ei", "9223372036854775807")]
    #[case("1000E", "1000E")]
    #[case("1e21", "1e21")]
    #[case("0.1n", "1n")]
    #[case("-0.1n", "-1n")]
    #[case("1.0000000001", "1000000001n")]
    #[case("123456789.123456789Gi", "132560717938603853806043136n")]
    #[case("  2 ", "2")]
    #[case("-1.5Mi", "-1536Ki")]
    #[case("0000000000000000000000000000000000000000000000000007", "7")]
    #[case("0.0000000000000000000000000000000000000000000000000007", "1n")]
    fn canonical(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(Quantity::parse(text).unwrap().to_string(), expected, "{text}");
    }

    #[rstest]
    #[case("", "it is empty")]
    #[case("-", "it has no digits")]
    #[case(".", "it has no digits")]
    #[case("1.2.3", "it has two decimal points")]
    #[case("1K", "its suffix is unknown")]
    #[case("1ki", "its suffix is unknown")]
    #[case("1 Gi", "its suffix is unknown")]
    #[case("1e", "its exponent is not a whole number")]
    #[case("1e1.5", "its exponent is not a whole number")]
    #[case("1e100", "it is too large")]
    #[case("1é", "its suffix is unknown")]
    #[case("one", "it has no digits")]
    fn refused(#[case] text: &str, #[case] expected: &str) {
        let error = Quantity::parse(text).unwrap_err();
        assert!(matches!(&error, Error::Quantity { reason, .. } if *reason == expected), "{text}: {error}");
    }

    #[test]
    fn arithmetic_is_exact_and_keeps_the_first_format() {
        let q = |text| Quantity::parse(text).unwrap();
        assert_eq!((q("1Gi") + q("512Mi")).to_string(), "1536Mi");
        assert_eq!((q("0") + q("512Mi")).to_string(), "512Mi");
        assert_eq!((q("1Gi") + q("1")).to_string(), "1073741825");
        assert_eq!((q("0.1") + q("0.2")), q("0.3"));
        assert_eq!((q("100m") - q("1")).to_string(), "-900m");
        assert_eq!(q("250m").scale(3).to_string(), "750m");
        assert_eq!(["100m", "1", "2"].map(q).into_iter().sum::<Quantity>().to_string(), "3100m");
        assert_eq!(q("10").fits(q("300m")), Some(33));
        assert_eq!(q("10").fits(q("0")), None);
        assert_eq!(q("-10").fits(q("1")), Some(0));
        assert_eq!((q("1.1").value(), q("-1.1").value(), q("1.0001").milli_value()), (2, -2, 1001));
        assert_eq!(q("1E").scale(i64::MAX).scale(i64::MAX).value(), i64::MAX);
    }

    #[test]
    fn equality_is_of_value() {
        assert_eq!(Quantity::parse("1Gi").unwrap(), Quantity::parse("1073741824").unwrap());
        assert!(Quantity::parse("1G").unwrap() < Quantity::parse("1Gi").unwrap());
        let both: Vec<Quantity> = serde_json::from_str(r#"["1500m", 1.5, 2]"#).unwrap();
        assert_eq!(both[0], both[1]);
        assert_eq!(serde_json::to_string(&both).unwrap(), r#"["1500m","1500m","2"]"#);
        assert!(serde_json::from_str::<Quantity>("[]").is_err());
    }

    fn any_quantity() -> impl Strategy<Value = Quantity> {
        (any::<i64>(), 0_i64..2000, 0..3).prop_map(|(nanos, factor, format)| Quantity {
            nanos: i128::from(nanos) * i128::from(factor),
            format: [Format::DecimalSi, Format::BinarySi, Format::DecimalExponent][format as usize],
        })
    }

    proptest! {
        #[test]
        fn text_and_back(quantity in any_quantity()) {
            let text = quantity.to_string();
            let parsed = Quantity::parse(&text).unwrap();
            prop_assert_eq!(parsed, quantity, "{}", &text);
            prop_assert_eq!(parsed.to_string(), text);
        }

        #[test]
        fn never_panics(text in "[-+]?[0-9.]{0,60}(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e-?[0-9]{1,12})?") {
            let _ = Quantity::parse(&text).map(|q| q.to_string());
        }

        #[test]
        fn sums_and_order_agree_with_numbers(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000) {
            let (qa, qb) = (Quantity::from_milli(a), Quantity::from_milli(b));
            prop_assert_eq!((qa + qb).milli_value(), a + b);
            prop_assert_eq!((qa - qb).milli_value(), a - b);
            prop_assert_eq!(qa.cmp(&qb), a.cmp(&b));
        }
    }
}
