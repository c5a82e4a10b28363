//! An addon for tests of hosts, as a library. The same source is linked in by the tests.

mod probe;

outrigger_addon::export_addon!(probe::Probe);
