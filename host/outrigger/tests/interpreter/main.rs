//! `outrigger interpreter …`, as people run it: what it prints, and its exit codes.

mod outrigger;
mod run;
mod suite;
