//! `format`: the formats that kube-apiserver checks. All others are ignored.

use std::{net::IpAddr, sync::LazyLock};

use base64::Engine;
use regex::Regex;
use serde_json::Number;

/// A format that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Int32,
    Int64,
    Float,
    Double,
    Byte,
    Cidr,
    Date,
    DateTime,
    Duration,
    Email,
    HexColor,
    Hostname,
    Ipv4,
    Ipv6,
    LongName,
    Mac,
    ShortName,
    Uri,
    Uuid,
    Uuid3,
    Uuid4,
    Uuid5,
}

use Format::*;

const STRINGS: [(&str, Format); 18] = [
    ("byte", Byte),
    ("cidr", Cidr),
    ("date", Date),
    ("datetime", DateTime),
    ("duration", Duration),
    ("email", Email),
    ("hexcolor", HexColor),
    ("hostname", Hostname),
    ("ipv4", Ipv4),
    ("ipv6", Ipv6),
    ("k8slongname", LongName),
    ("mac", Mac),
    ("k8sshortname", ShortName),
    ("uri", Uri),
    ("uuid", Uuid),
    ("uuid3", Uuid3),
    ("uuid4", Uuid4),
    ("uuid5", Uuid5),
];

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($text).ok());
    };
}
pattern!(
    HOSTNAME,
    r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$"
);
pattern!(UUID, r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$");
pattern!(UUID3, r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$");
pattern!(UUID4, r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$");
pattern!(UUID5, r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$");
pattern!(HEX_COLOR, r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$");
pattern!(
    DATE_TIME,
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[tT][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([zZ]|[+-][0-9]{2}:[0-9]{2})$"
);
pattern!(GO_DURATION, r"^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$");
pattern!(
    WORD_DURATION,
    r"^\s*[0-9]+(\.[0-9]+)?\s*(ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\s*$"
);
pattern!(
    MAC,
    r"^([0-9a-fA-F]{2}([:-])([0-9a-fA-F]{2}[:-]){4,18}[0-9a-fA-F]{2}|([0-9a-fA-F]{4}\.){2,9}[0-9a-fA-F]{4})$"
);
pattern!(LABEL, r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$");
pattern!(SUBDOMAIN, r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$");

// Leading zeros are let through.
pattern!(IPV4, r"^0*(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(\.0*(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})){3}$");

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

impl Format {
    /// The format of that name for a type, if it is one that is checked there.
    pub(super) fn parse(name: &str, ty: Option<&str>) -> Option<Self> {
        match ty {
            None | Some("" | "string") => {
                let plain = name.replace('-', "");
                STRINGS.iter().find(|(known, _)| *known == plain).map(|(_, format)| *format)
            }
            Some("integer") if name == "int32" => Some(Int32),
            Some("integer") if name == "int64" => Some(Int64),
            Some("number") if name == "float" => Some(Float),
            Some("number") if name == "double" => Some(Double),
            _ => None,
        }
    }

    /// Its name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Int32 => "int32",
            Int64 => "int64",
            Float => "float",
            Double => "double",
            DateTime => "date-time",
            ShortName => "k8s-short-name",
            LongName => "k8s-long-name",
            other => STRINGS.iter().find(|(_, format)| *format == other).map_or("", |(name, _)| *name),
        }
    }

    /// Whether a number lies within the range of the format.
    pub(super) fn holds(self, number: &Number) -> bool {
        match self {
            Int32 => {
                number.as_i64().is_some_and(|value| i32::try_from(value).is_ok()) || {
                    number.is_f64() && number.as_f64().is_some_and(|value| value.abs() <= f64::from(i32::MAX))
                }
            }
            Float => number.as_f64().is_some_and(|value| value.abs() <= f64::from(f32::MAX)),
            _ => true,
        }
    }

    /// Whether a string has the format.
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Int32 | Int64 | Float | Double => true,
            // The empty string counts as no data at all.
            Byte => !text.is_empty() && base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
            Cidr => is_cidr(text),
            Date => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
            DateTime => is_date_time(text),
            Duration => fits(&GO_DURATION, text) || fits(&WORD_DURATION, text),
            Email => is_email(text),
            HexColor => fits(&HEX_COLOR, text),
            Hostname => fits(&HOSTNAME, text) && text.len() <= 255,
            Ipv4 => fits(&IPV4, text),
            Ipv6 => text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()),
            LongName => text.len() <= 253 && fits(&SUBDOMAIN, text),
            Mac => fits(&MAC, text),
            ShortName => text.len() <= 63 && fits(&LABEL, text),
            Uri => is_uri(text),
            Uuid => fits(&UUID, text),
            Uuid3 => fits(&UUID3, text),
            Uuid4 => fits(&UUID4, text),
            Uuid5 => fits(&UUID5, text),
        }
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    !length.is_empty()
        && length.bytes().all(|byte| byte.is_ascii_digit())
        && length.parse().is_ok_and(|bits: u32| bits <= most)
}

fn is_date_time(text: &str) -> bool {
    fits(&DATE_TIME, text) && text.get(..10).is_some_and(|date| date.parse::<jiff::civil::Date>().is_ok()) && {
        let number = |at: std::ops::Range<usize>| text.get(at).and_then(|digits| digits.parse::<u8>().ok());
        number(11..13).is_some_and(|hour| hour < 24)
            && number(14..16).is_some_and(|minute| minute < 60)
            && number(17..19).is_some_and(|second| second < 60)
    }
}

fn is_email(text: &str) -> bool {
    let address = text.trim().strip_suffix('>').and_then(|rest| rest.rsplit_once('<')).map_or(text, |(_, inner)| inner);
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let plain = |part: &str| {
        !part.is_empty() && !part.contains(|char: char| char.is_whitespace() || "()<>[]:;@\\,\"".contains(char))
    };
    let dots = |part: &str| !part.starts_with('.') && !part.ends_with('.') && !part.contains("..");
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    (quoted || (plain(local) && dots(local))) && plain(domain) && dots(domain)
}

/// An absolute URI or an absolute path.
fn is_uri(text: &str) -> bool {
    if text.is_empty() || text.contains(|char: char| char.is_ascii_control() || char == ' ') {
        return false;
    }
    let scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char))
    };
    text.starts_with('/') || text.split_once(':').is_some_and(|(name, rest)| scheme(name) && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Format;

    fn check(name: &str, good: &[&str], bad: &[&str]) {
        let format = Format::parse(name, Some("string")).unwrap_or_else(|| panic!("{name} is not known"));
        for text in good {
            assert!(format.accepts(text), "{name} refused {text}");
        }
        for text in bad {
            assert!(!format.accepts(text), "{name} accepted {text}");
        }
    }

    #[test]
    fn tells_good_from_bad() {
        check(
            "date-time",
            &["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678+01:00"],
            &["", "2026-01-02", "2026-02-30T00:00:00Z", "2026-01-02T25:00:00Z", "2026-01-02 03:04:05Z", "yesterday"],
        );
        check("date", &["2026-02-28"], &["2026-02-30", "2026-2-3", ""]);
        check("duration", &["1h30m", "22 ns", "3 days", "-1.5s", "0"], &["", "1x", "h", "one hour"]);
        check("byte", &["aGVsbG8="], &["", "%%%", "aGVsbG8"]);
        check("ipv4", &["10.0.0.1", "010.0.0.1"], &["::1", "10.0.0", "10.0.0.256"]);
        check("ipv6", &["::1"], &["10.0.0.1"]);
        check("cidr", &["10.0.0.0/8", "fd00::/64"], &["10.0.0.0", "10.0.0.0/33", "10.0.0.0/+8"]);
        check("uri", &["https://example.com/a", "/a", "urn:x"], &["", "example", "a b:c", ":x"]);
        check("email", &["a@example.com", "A B <a@example.com>"], &["a", "@b", "a@", "a b@c"]);
        check("hostname", &["example.com", "localhost"], &["a..b", "-a"]);
        check("uuid", &["123e4567-e89b-12d3-a456-426614174000"], &["123e4567"]);
        check("mac", &["00:00:5e:00:53:01", "0000.5e00.5301"], &["00:00", "zz:00:5e:00:53:01"]);
        check("k8s-short-name", &["a-b"], &["A", "a.b", "-a"]);
        check("k8s-long-name", &["a.b-c"], &["a..b", "A"]);
    }

    #[test]
    fn ignores_what_is_not_checked() {
        assert_eq!(Format::parse("quantity", Some("string")), None);
        assert_eq!(Format::parse("int32", Some("string")), None);
        assert_eq!(Format::parse("date-time", Some("object")), None);
    }
}
