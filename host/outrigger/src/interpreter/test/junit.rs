//! Results of cases as JUnit's XML, which CI systems read.

use std::fmt::Write;

use outrigger_workbench::suite::{Counts, Group, Record, Report};

/// All results. Writing to a string does not fail.
pub fn report(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let seconds = report.records().map(seconds).sum::<f64>();
    let _ = writeln!(xml, "<testsuites name=\"interpreters\" {} time=\"{seconds:.6}\">", counts(report.counts()));
    for group in &report.groups {
        write_suite(&mut xml, group);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn write_suite(xml: &mut String, group: &Group) {
    let name = escaped(&group.path.display().to_string());
    let seconds = group.records.iter().map(seconds).sum::<f64>();
    let _ = writeln!(xml, "  <testsuite name=\"{name}\" {} time=\"{seconds:.6}\">", counts(group.counts()));
    for record in &group.records {
        write_case(xml, record);
    }
    xml.push_str("  </testsuite>\n");
}

fn write_case(xml: &mut String, record: &Record) {
    let operation = record.operation.map(|operation| format!("{operation:?}: ")).unwrap_or_default();
    let name = if record.name.is_empty() { "loads".to_owned() } else { format!("{operation}{}", record.name) };
    let class = format!("{}/{}", record.api_version, record.kind);
    let class = if record.kind.is_empty() { "interpreters" } else { &class };
    let _ = write!(
        xml,
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.6}\"",
        escaped(&name),
        escaped(class),
        escaped(&record.file),
        record.line,
        seconds(record),
    );
    if record.passed {
        xml.push_str("/>\n");
        return;
    }
    if record.skipped {
        xml.push_str("><skipped message=\"no interpreter here knows the kind\"/></testcase>\n");
        return;
    }
    let messages: Vec<&str> = record.problems.iter().map(|reason| reason.message.as_str()).collect();
    let first = messages.first().copied().unwrap_or_default();
    let _ = write!(xml, ">\n      <failure message=\"{}\">", escaped(first));
    let _ = writeln!(xml, "{}</failure>\n    </testcase>", escaped(&messages.join("\n")));
}

fn counts(counts: Counts) -> String {
    let Counts { passed, failed, skipped } = counts;
    let tests = passed + failed + skipped;
    format!("tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\"")
}

fn seconds(record: &Record) -> f64 {
    // Whole microseconds up to an hour are exact in a float.
    record.micros as f64 / 1e6
}

/// Text as XML 1.0 takes it; characters that it has no way to write become a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("a<b> & \"c\"\n\u{1}"), "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}");
    }
}
