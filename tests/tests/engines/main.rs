//! One contract for all engines: the kind `Lantern`, interpreted by code that is linked in, by paths and CEL, by
//! Lua, by a webhook and by a shared library. Whoever interprets it, the answers are the same.

mod cases;
mod engines;
#[path = "../../../sdk/interpreter/examples/lantern/lantern.rs"]
mod lantern;
mod library;
mod odd;
// The webhooks' own tests use more of it.
#[allow(dead_code)]
#[path = "../../../host/webhook/tests/hooks/server.rs"]
mod server;
