//! The crate as its users see it.

mod pki;
mod rbac;
mod tls;
mod tokens;

use jiff::Timestamp;

/// A fixed moment; nothing here depends on the clock.
fn noon() -> Timestamp {
    "2026-01-02T12:00:00Z".parse().expect("a timestamp")
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(noon().as_second() + seconds).expect("a timestamp")
}
