//! A session between two real API servers: what is applied, kept, refused, left alone and told.

mod cluster;
mod enrolment;
mod execute;
mod native;
mod observe;
mod run_once;
mod world;
