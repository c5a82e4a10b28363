//! [`SimulatedMember`]: the controllers of a member cluster, played.

mod backup;
mod follow;
mod location;
mod restore;
mod schedule;
mod workload;
mod world;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::Client;
use outrigger_object::Object;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use follow::Kind;
use world::World;

/// How a simulated member's Backups and Restores go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// They end PartiallyFailed.
    Partial,
    /// They end Failed.
    Full,
    /// They are refused with FailedValidation.
    Validation,
}

/// How a simulated member behaves.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Time between two steps of one object.
    pub pace: Duration,
    /// Items that a Backup of this member has.
    pub items: i64,
    /// What goes wrong, if anything.
    pub failure: Option<Failure>,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self { pace: Duration::from_millis(5), items: 12, failure: None }
    }
}

/// What one simulated controller does next to one object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// A JSON merge patch.
    patch: Value,
    /// Whether it goes to the status subresource, as the real controller does it.
    to_status: bool,
}

impl Step {
    fn main(patch: Value) -> Option<Self> {
        Some(Self { patch, to_status: false })
    }

    fn status(patch: Value) -> Option<Self> {
        Some(Self { patch, to_status: true })
    }
}

/// Decides the next step of an object, without doing it.
pub(crate) type Next = fn(&Object, &World, Timestamp) -> Option<Step>;

/// Plays the controllers of one member. Dropping it stops them.
pub struct SimulatedMember {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl SimulatedMember {
    /// Starts to play on the API server behind `client`. Kinds that it does not serve yet are taken
    /// up when they appear.
    pub fn start(client: Client, options: SimulatorOptions) -> Self {
        let world = Arc::new(World::new(&options));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for kind in KINDS {
            let (client, world, stop) = (client.clone(), world.clone(), stop.clone());
            tasks.spawn(async move {
                stop.run_until_cancelled(follow::follow(client, kind, world, options.pace)).await;
            });
        }
        Self { tasks, stop }
    }

    /// Stops, and waits until nothing more is written.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for SimulatedMember {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

const KINDS: &[Kind] = &[
    Kind {
        group: "apps",
        kind: "Deployment",
        plural: "deployments",
        manager: "kube-controller-manager",
        waits: false,
        next: workload::next,
    },
    Kind { group: "", kind: "Secret", plural: "secrets", manager: "", waits: false, next: |_, _, _| None },
    Kind {
        group: "velero.io",
        kind: "BackupStorageLocation",
        plural: "backupstoragelocations",
        manager: VELERO,
        waits: true,
        next: location::next,
    },
    Kind { group: "velero.io", kind: "Backup", plural: "backups", manager: VELERO, waits: true, next: backup::next },
    Kind { group: "velero.io", kind: "Restore", plural: "restores", manager: VELERO, waits: true, next: restore::next },
    Kind {
        group: "velero.io",
        kind: "Schedule",
        plural: "schedules",
        manager: VELERO,
        waits: true,
        next: schedule::next,
    },
];

const VELERO: &str = "velero-server";
