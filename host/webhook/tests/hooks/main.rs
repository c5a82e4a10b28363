//! Interpreter webhooks against real HTTPS servers.

mod configuration;
mod failures;
mod lines;
mod operations;
mod server;
mod waiting;
