//! Everything from outside: cases of native and bundled kinds, Karmada's own cases, malformed objects.

mod bundled;
mod declarative;
mod malformed;
mod native;
mod reference;

use outrigger_engine::{Engine, cases};

/// Runs the cases of a file; all must pass.
fn check(engine: &Engine, source: &str, yaml: &str) -> usize {
    let cases = cases::parse(source, yaml).unwrap_or_else(|error| panic!("{error}"));
    assert!(!cases.is_empty(), "{source} has no cases");
    let outcomes: Vec<_> = cases.iter().map(|case| cases::run(engine, case)).collect();
    let failed: Vec<String> = outcomes.iter().filter(|one| !one.passed()).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{source}:\n{}", failed.join("\n"));
    outcomes.len()
}
