//! `os.time` and `os.date`: all that scripts have of the operating system.

use jiff::{SignedDuration, Timestamp, Zoned, civil, tz::TimeZone};
use mlua::{Error, Lua, LuaString, Result, Table, Value};

pub(super) fn install(lua: &Lua, natives: &Table) -> Result<()> {
    natives.set("time", lua.create_function(time)?)?;
    natives.set("date", lua.create_function(date)?)
}

/// Seconds since 1970: now, or of a table's fields, which may be out of their range (month 13).
fn time(_: &Lua, at: Option<Table>) -> Result<f64> {
    let Some(at) = at else { return Ok(Timestamp::now().as_second() as f64) };
    let field = |name: &str, default: i64| -> Result<i64> {
        Ok(match at.get::<Value>(name)? {
            Value::Number(number) => number as i64,
            Value::Integer(number) => number,
            _ => default,
        })
    };
    let months = field("year", -1)?.saturating_mul(12).saturating_add(field("month", -1)?.saturating_sub(1));
    let outside = || Error::runtime("the time is out of range");
    let year = i16::try_from(months.div_euclid(12)).map_err(|_| outside())?;
    let month = i8::try_from(months.rem_euclid(12) + 1).map_err(|_| outside())?;
    let first = civil::Date::new(year, month, 1).map_err(|_| outside())?;
    let seconds = [("day", -1, 86_400, 1), ("hour", 12, 3_600, 0), ("min", 0, 60, 0), ("sec", 0, 1, 0)]
        .into_iter()
        .try_fold(0_i64, |sum, (name, default, unit, base)| {
            Ok::<_, Error>(sum.saturating_add(field(name, default)?.saturating_sub(base).saturating_mul(unit)))
        })?;
    let zoned = first.to_zoned(TimeZone::system()).map_err(|_| outside())?;
    let at = zoned.datetime().checked_add(SignedDuration::from_secs(seconds)).map_err(|_| outside())?;
    Ok(at.to_zoned(TimeZone::system()).map_err(|_| outside())?.timestamp().as_second() as f64)
}

/// A time as text, or with `*t` as a table; in UTC after `!`.
fn date(lua: &Lua, (format, at): (Option<LuaString>, Option<f64>)) -> Result<Value> {
    let format = match &format {
        Some(format) => format.to_string_lossy(),
        None => "%c".to_owned(),
    };
    let utc = format.trim_start_matches('!');
    let zone = if utc.len() < format.len() { TimeZone::UTC } else { TimeZone::system() };
    let now = match at {
        Some(at) => Timestamp::from_second(at as i64).map_err(|_| Error::runtime("the time is out of range"))?,
        None => Timestamp::now(),
    };
    let now = now.to_zoned(zone);
    if utc.starts_with("*t") {
        let table = lua.create_table()?;
        table.set("year", now.year())?;
        table.set("month", now.month())?;
        table.set("day", now.day())?;
        table.set("hour", now.hour())?;
        table.set("min", now.minute())?;
        table.set("sec", now.second())?;
        table.set("wday", now.weekday().to_sunday_zero_offset() + 1)?;
        table.set("yday", 0)?;
        table.set("isdst", false)?;
        return Ok(Value::Table(table));
    }
    Ok(Value::String(lua.create_string(written(&now, utc))?))
}

/// gopher-lua's `strftime`: the flags that it knows, with what it writes for them.
fn written(at: &Zoned, format: &str) -> String {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let flag = match chars.next() {
            None => {
                out.push('%');
                break;
            }
            Some(flag) => flag,
        };
        let known = match flag {
            '%' => "%%",
            'a' => "%a",
            'A' => "%A",
            'b' => "%b",
            'B' => "%B",
            'c' => "%d %b %y %H:%M %Z",
            'd' => "%d",
            'F' => "%Y-%m-%d",
            'H' => "%H",
            'I' => "%I",
            'm' => "%m",
            'M' => "%M",
            'p' => "%p",
            'P' => "%P",
            'S' => "%S",
            'x' => "%H/%M/%S",
            'X' => "%H:%M:%S",
            'y' => "%y",
            'Y' => "%Y",
            'z' => "%z",
            'Z' => "%Z",
            'w' => "%w",
            other => {
                out.push('%');
                out.push(other);
                continue;
            }
        };
        out.push_str(&at.strftime(known).to_string());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags() {
        let at: Zoned = "2024-03-05T14:07:09Z".parse::<Timestamp>().unwrap().to_zoned(TimeZone::UTC);
        assert_eq!(written(&at, "%Y-%m-%dT%H:%M:%SZ"), "2024-03-05T14:07:09Z");
        assert_eq!(
            written(&at, "%F %X %p %b %B %A %y %w 100%% %k"),
            "2024-03-05 14:07:09 PM Mar March Tuesday 24 2 100% %k"
        );
    }
}
