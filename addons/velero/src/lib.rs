//! Velero over a fleet: backup, restore, schedules and locations.
