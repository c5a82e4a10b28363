//! `string.format`, which in gopher-lua, and so in Karmada, is Go's `Sprintf`.
//!
//! Flags, width and precision are Go's. A verb without an argument gives `%!d(MISSING)`, one that Go does
//! not know gives `%!y(value)`, and arguments that are left over are not mentioned.

use super::number;

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arg {
    Number(f64),
    /// A string; it may have any bytes.
    Text(Vec<u8>),
    /// Anything else, as `tostring` writes it.
    Other(String),
}

#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    space: bool,
    sharp: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// The widest that a field can be; Go has the same bound.
const WIDEST: usize = 1_000_000;

/// Writes arguments into a format.
pub(crate) fn format(format: &[u8], args: &[Arg]) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut args = args.iter();
    let mut at = 0;
    while let Some(&byte) = format.get(at) {
        at += 1;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = format.get(at) {
            match flag {
                b'-' => spec.minus = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.sharp = true,
                b'0' => spec.zero = true,
                _ => break,
            }
            at += 1;
        }
        spec.width = digits(format, &mut at).unwrap_or_default();
        if format.get(at) == Some(&b'.') {
            at += 1;
            spec.precision = Some(digits(format, &mut at).unwrap_or_default());
        }
        match format.get(at) {
            None => out.extend_from_slice(b"%!(NOVERB)"),
            Some(b'%') => out.push(b'%'),
            Some(&verb) => match args.next() {
                None => out.extend_from_slice(std::format!("%!{}(MISSING)", char::from(verb)).as_bytes()),
                Some(arg) => one(&mut out, verb, &spec, arg),
            },
        }
        at += 1;
    }
    out
}

fn digits(format: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = None;
    while let Some(digit @ b'0'..=b'9') = format.get(*at) {
        number = Some((number.unwrap_or(0_usize) * 10 + usize::from(digit - b'0')).min(WIDEST));
        *at += 1;
    }
    number
}

fn one(out: &mut Vec<u8>, verb: u8, spec: &Spec, arg: &Arg) {
    match (verb, arg) {
        (b'd' | b'i', Arg::Text(text)) => pad(out, spec, text, false),
        (b's' | b'v', Arg::Text(text)) => pad(out, spec, cut(text, spec.precision), false),
        (b's' | b'v', Arg::Other(text)) => pad(out, spec, cut(text.as_bytes(), spec.precision), false),
        (b's', Arg::Number(number)) => pad(out, spec, cut(number::text(*number).as_bytes(), spec.precision), false),
        (b'q', arg) => pad(out, spec, quoted(arg).as_bytes(), false),
        (b'x' | b'X', Arg::Text(text)) => {
            let hex: String = text.iter().map(|byte| std::format!("{byte:02x}")).collect();
            pad(out, spec, if verb == b'X' { hex.to_uppercase() } else { hex }.as_bytes(), false);
        }
        (b'd' | b'i' | b'x' | b'X' | b'o' | b'b', Arg::Number(number)) => integer(out, verb, spec, *number as i64),
        (b'c', Arg::Number(number)) => {
            let c = char::from_u32(*number as u32).unwrap_or(char::REPLACEMENT_CHARACTER);
            pad(out, spec, c.to_string().as_bytes(), false);
        }
        (b'v', Arg::Number(number)) => match number::whole(*number) {
            Some(whole) => integer(out, b'd', spec, whole),
            None => float(out, b'g', spec, *number),
        },
        (b'e' | b'E' | b'f' | b'F' | b'g' | b'G', Arg::Number(number)) => float(out, verb, spec, *number),
        (_, Arg::Number(number)) => unknown(out, verb, "lua.LNumber", &number::text(*number)),
        (_, Arg::Text(text)) => unknown(out, verb, "string", &String::from_utf8_lossy(text)),
        (_, Arg::Other(text)) => unknown(out, verb, "lua.LValue", text),
    }
}

fn unknown(out: &mut Vec<u8>, verb: u8, kind: &str, text: &str) {
    out.extend_from_slice(std::format!("%!{}({kind}={text})", char::from(verb)).as_bytes());
}

/// At most so many characters.
fn cut(text: &[u8], precision: Option<usize>) -> &[u8] {
    let Some(most) = precision else { return text };
    match std::str::from_utf8(text) {
        Ok(utf8) => utf8.char_indices().nth(most).and_then(|(at, _)| text.get(..at)).unwrap_or(text),
        Err(_) => text.get(..most).unwrap_or(text),
    }
}

fn quoted(arg: &Arg) -> String {
    let text = match arg {
        Arg::Number(number) => number::text(*number),
        Arg::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Arg::Other(text) => text.clone(),
    };
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_ascii_control() => out.push_str(&std::format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn integer(out: &mut Vec<u8>, verb: u8, spec: &Spec, number: i64) {
    let magnitude = number.unsigned_abs();
    let mut text = match verb {
        b'x' => std::format!("{magnitude:x}"),
        b'X' => std::format!("{magnitude:X}"),
        b'o' => std::format!("{magnitude:o}"),
        b'b' => std::format!("{magnitude:b}"),
        _ => magnitude.to_string(),
    };
    if let Some(least) = spec.precision {
        text = std::format!("{text:0>least$}");
    }
    if spec.sharp {
        let prefix = match verb {
            b'x' => "0x",
            b'X' => "0X",
            b'o' => "0",
            _ => "",
        };
        text.insert_str(0, prefix);
    }
    signed(out, spec, number < 0, &text, spec.precision.is_none());
}

fn float(out: &mut Vec<u8>, verb: u8, spec: &Spec, number: f64) {
    if !number.is_finite() {
        let text = number::text(number.abs());
        return signed(out, spec, number < 0.0, text.trim_start_matches('+'), false);
    }
    let magnitude = number.abs();
    let text = match (verb.to_ascii_lowercase(), spec.precision) {
        (b'f', precision) => std::format!("{magnitude:.*}", precision.unwrap_or(6)),
        (b'e', precision) => scientific(magnitude, precision.unwrap_or(6)),
        (_, None) => number::shortest(magnitude),
        (_, Some(precision)) => general(magnitude, precision.max(1)),
    };
    let text = if verb.is_ascii_uppercase() { text.to_uppercase() } else { text };
    signed(out, spec, number.is_sign_negative(), &text, true);
}

fn scientific(magnitude: f64, precision: usize) -> String {
    let text = std::format!("{magnitude:.precision$e}");
    match text.split_once('e') {
        Some((digits, exponent)) => number::exponential(digits, exponent.parse().unwrap_or_default()),
        None => text,
    }
}

/// `%.Ng`: so many digits, without the zeros at the end.
fn general(magnitude: f64, precision: usize) -> String {
    let text = std::format!("{magnitude:.*e}", precision - 1);
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= precision as i32 {
        return number::exponential(&trim(digits), exponent);
    }
    let places = (precision as i32 - 1 - exponent).max(0) as usize;
    trim(&std::format!("{magnitude:.places$}"))
}

fn signed(out: &mut Vec<u8>, spec: &Spec, negative: bool, text: &str, zeros: bool) {
    let sign = match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    if zeros && spec.zero && !spec.minus {
        out.extend_from_slice(sign.as_bytes());
        let inner = Spec { width: spec.width.saturating_sub(sign.len()), ..Spec::default() };
        pad(out, &inner, text.as_bytes(), true);
    } else {
        pad(out, spec, std::format!("{sign}{text}").as_bytes(), false);
    }
}

fn pad(out: &mut Vec<u8>, spec: &Spec, text: &[u8], zeros: bool) {
    let length = std::str::from_utf8(text).map_or(text.len(), |text| text.chars().count());
    let missing = spec.width.saturating_sub(length);
    let fill = std::iter::repeat_n(if zeros { b'0' } else { b' ' }, missing);
    if spec.minus {
        out.extend_from_slice(text);
        out.extend(fill);
    } else {
        out.extend(fill);
        out.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn n(number: f64) -> Arg {
        Arg::Number(number)
    }

    fn t(text: &str) -> Arg {
        Arg::Text(text.into())
    }

    #[rstest]
    #[case("%d of %s", vec![n(3.9), t("a")], "3 of a")]
    #[case("%d", vec![t("7")], "7")]
    #[case("%5d|%-5d|%05d|%+d", vec![n(42.0), n(42.0), n(-42.0), n(42.0)], "   42|42   |-0042|+42")]
    #[case("%f%s", vec![n(1126.4), t("m")], "1126.400000m")]
    #[case("%.2f %8.3f", vec![n(1.005), n(-2.5)], "1.00   -2.500")]
    #[case("%g %g %.3g %g", vec![n(1e6), n(0.1), n(1234.5), n(3.0)], "1e+06 0.1 1.23e+03 3")]
    #[case("%e", vec![n(12345.678)], "1.234568e+04")]
    #[case("%x %X %#x %o %b", vec![n(255.0), n(255.0), n(255.0), n(8.0), n(5.0)], "ff FF 0xff 10 101")]
    #[case("%x", vec![t("hi")], "6869")]
    #[case("%s %v %v", vec![n(1e15), n(0.5), n(2.0)], "1000000000000000 0.5 2")]
    #[case("%q", vec![t("a\"b\n")], "\"a\\\"b\\n\"")]
    #[case("%c%c", vec![n(72.0), n(105.0)], "Hi")]
    #[case("%.2s|%5s|%-5s|", vec![t("äöü"), t("é"), t("x")], "äö|    é|x    |")]
    #[case("100%%", vec![], "100%")]
    #[case("%d", vec![], "%!d(MISSING)")]
    #[case("%", vec![], "%!(NOVERB)")]
    #[case("%y", vec![n(1.0)], "%!y(lua.LNumber=1)")]
    #[case("%s", vec![Arg::Other("true".to_owned())], "true")]
    fn formats(#[case] text: &str, #[case] args: Vec<Arg>, #[case] expected: &str) {
        assert_eq!(String::from_utf8(format(text.as_bytes(), &args)).unwrap(), expected, "{text}");
    }
}
