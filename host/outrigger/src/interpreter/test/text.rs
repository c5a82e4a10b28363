//! Results of cases for people.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use outrigger_workbench::suite::{Counts, Group, Reason, Record, Report};
use serde_json::Value;

use super::{Paint, Test};
use crate::output;

/// A value up to this long is written on one line.
const ONE_LINE: usize = 100;

/// All results. Writing to a string does not fail.
pub fn report(report: &Report, args: &Test) -> String {
    let paint = Paint::of_stdout();
    let mut text = String::new();
    for group in &report.groups {
        write_group(&mut text, group, args.verbose, paint);
    }
    if args.coverage {
        write_coverage(&mut text, report);
    }
    write_skipped(&mut text, report);
    let Counts { passed, failed, skipped } = report.counts();
    let mut parts = vec![format!("{passed} passed")];
    if failed > 0 {
        parts.push(paint.bad(&format!("{failed} failed")));
    }
    if skipped > 0 {
        parts.push(format!("{skipped} skipped"));
    }
    let _ = writeln!(text, "\n{}", parts.join(", "));
    text
}

fn write_group(text: &mut String, group: &Group, verbose: bool, paint: Paint) {
    let Counts { passed, failed, skipped } = group.counts();
    let title = match group.path.as_os_str().is_empty() {
        true => ".".to_owned(),
        false => group.path.display().to_string(),
    };
    let (word, number) = match (failed, passed) {
        (0, 0) => (paint.dim("skip"), skipped),
        (0, _) => (paint.good("ok  "), passed),
        _ => (paint.bad("FAIL"), failed),
    };
    let of = if failed > 0 { format!("/{}", passed + failed) } else { String::new() };
    let _ = writeln!(text, "{word} {:>7} {}", format!("{number}{of}"), paint.bold(&title));
    for record in &group.records {
        if !(record.passed || record.skipped) || verbose {
            write_record(text, record, &group.path, paint);
        }
    }
}

fn write_record(text: &mut String, record: &Record, folder: &Path, paint: Paint) {
    let word = match (record.passed, record.skipped) {
        (true, _) => paint.good("ok  "),
        (_, true) => paint.dim("skip"),
        _ => paint.bad("FAIL"),
    };
    let mut head = Vec::new();
    head.extend(record.operation.map(|operation| format!("{operation:?}")));
    head.extend((!record.name.is_empty()).then(|| record.name.clone()));
    let file = Path::new(&record.file);
    let file = file.strip_prefix(folder).ok().filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(file).display();
    let place = if record.line > 0 { format!("{file}:{}", record.line) } else { file.to_string() };
    let head = if head.is_empty() { String::new() } else { format!("{} ", head.join(": ")) };
    let _ = writeln!(text, "     {word} {head}{}", paint.dim(&format!("({place})")));
    for reason in &record.problems {
        write_reason(text, reason, paint);
    }
}

fn write_reason(text: &mut String, reason: &Reason, paint: Paint) {
    if reason.path.is_empty() {
        let _ = writeln!(text, "          {}", reason.message);
        return;
    }
    let _ = writeln!(text, "          {}", paint.bold(&reason.path));
    for (label, value, colour) in [("expected", &reason.expected, "32"), ("got", &reason.got, "31")] {
        let mut lines = shown(value.as_ref()).into_iter();
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(text, "            {label:<9} {}", paint.with(colour, &first));
        for line in lines {
            let _ = writeln!(text, "                      {}", paint.with(colour, &line));
        }
    }
}

fn shown(value: Option<&Value>) -> Vec<String> {
    let Some(value) = value else { return vec!["nothing".to_owned()] };
    let line = value.to_string();
    if line.len() <= ONE_LINE {
        return vec![line];
    }
    let long = serde_json::to_string_pretty(value).unwrap_or(line);
    long.lines().map(str::to_owned).collect()
}

fn write_coverage(text: &mut String, report: &Report) {
    let without: Vec<_> = report.coverage.iter().filter(|one| one.cases == 0).collect();
    let all = report.coverage.len();
    let _ = writeln!(text, "\n{} of {all} operations have a case", all - without.len());
    if without.is_empty() {
        return;
    }
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in without {
        kinds.entry(format!("{}/{}", one.api_version, one.kind)).or_default().push(format!("{:?}", one.operation));
    }
    let mut table = output::table(&["KIND", "WITHOUT A CASE"]);
    for (kind, operations) in kinds {
        table.add_row([kind, operations.join(", ")]);
    }
    let _ = writeln!(text, "{table}");
}

fn write_skipped(text: &mut String, report: &Report) {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for record in report.records().filter(|record| record.skipped) {
        *kinds.entry(format!("{}/{}", record.api_version, record.kind)).or_default() += 1;
    }
    if kinds.is_empty() {
        return;
    }
    let mut table = output::table(&["SKIPPED", "OF A KIND THAT NO INTERPRETER HERE KNOWS"]);
    for (kind, cases) in kinds {
        table.add_row([cases.to_string(), kind]);
    }
    let _ = writeln!(text, "\n{table}");
}
