//! How long ago, in the short form that tables use: `5s`, `3m20s`, `4h`, `2d3h`, `3y`.

use jiff::Timestamp;
use outrigger_object::Object;
use serde_json::Value;

/// The age of an object.
pub(super) fn of(object: &Object, now: Timestamp) -> Value {
    since(object.str(&["metadata", "creationTimestamp"]), now).into()
}

/// The time since a moment given as text.
pub(super) fn since(text: Option<&str>, now: Timestamp) -> String {
    match text.and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(time) => between(time, now),
        None => "<unknown>".to_owned(),
    }
}

/// The time between two moments.
pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    seconds(to.as_second() - from.as_second())
}

/// A number of seconds.
pub(super) fn seconds(seconds: i64) -> String {
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let pair = |big: i64, unit: char, small: i64, small_unit: char| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{small_unit}"),
    };
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        pair(minutes, 'm', seconds % 60, 's')
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        pair(hours, 'h', minutes % 60, 'm')
    } else if hours < 48 {
        format!("{hours}h")
    } else if hours < 24 * 8 {
        pair(days, 'd', hours % 24, 'h')
    } else if hours < 24 * 365 * 2 {
        format!("{days}d")
    } else if hours < 24 * 365 * 8 {
        pair(days / 365, 'y', days % 365, 'd')
    } else {
        format!("{}y", days / 365)
    }
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        assert_eq!(super::seconds(seconds), expected);
    }

    #[test]
    fn ages() {
        check(0, "0s");
        check(119, "119s");
        check(120, "2m");
        check(200, "3m20s");
        check(600, "10m");
        check(179 * 60, "179m");
        check(3 * 3600, "3h");
        check(3 * 3600 + 5 * 60, "3h5m");
        check(9 * 3600, "9h");
        check(50 * 3600, "2d2h");
        check(9 * 86400, "9d");
        check(800 * 86400, "2y70d");
        check(-5, "<invalid>");
    }
}
