//! `outrigger interpreter …`, as people run it: what it prints, and its exit codes.

mod lint;
mod new;
mod outrigger;
mod run;
mod suite;
