//! [`Host`]: the controllers over some API server.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use outrigger_addons::Addons;
use outrigger_controllers::{Controllers, Options};
use outrigger_customization::{Customizations, Role};
use outrigger_engine::Engine;
use outrigger_runtime::{Client, Recorder, RecorderConfig, SystemClock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::install;
use crate::engine;

/// How long a new version of an addon is watched before it is kept.
const TRIAL: Duration = Duration::from_secs(30);
/// How long an addon may take to be looked at for the first time.
const LOOKED_AT_WITHIN: Duration = Duration::from_secs(30);

/// The controllers, running.
pub struct Host {
    controllers: Controllers,
    customizations: Customizations,
    addons: Addons,
    stop: CancellationToken,
}

impl Host {
    /// Installs the CRDs that the API server lacks, reads the interpreters that users applied, and starts the
    /// controllers.
    pub async fn start(hub: Client, engine: Arc<Engine>, hooks: outrigger_webhook::Metrics) -> Result<Self> {
        let installed = install::install(&hub).await?;
        let stop = CancellationToken::new();
        let clock = Arc::new(SystemClock);
        let recorder =
            Recorder::start(hub.clone(), "outrigger", clock.clone(), RecorderConfig::default(), stop.clone());
        let leading = outrigger_addons::Role::Lead { recorder: recorder.clone(), clock: clock.clone(), trial: TRIAL };
        let addons = Addons::start(hub.clone(), engine.clone(), engine::addons()?, engine::version(), leading, &stop);
        addons.settled().await;
        for name in &installed {
            let looked_at = tokio::time::timeout(LOOKED_AT_WITHIN, addons.looked_at(name)).await;
            looked_at.with_context(|| format!("the addon {name} was not looked at in time"))?;
        }
        for addon in engine::addons()?.iter().filter(|addon| installed.contains(&addon.manifest().name)) {
            try_join_all(addon.crds().iter().map(|crd| install::until_served(&hub, crd.name()))).await?;
        }
        let role = Role::Lead { recorder, clock };
        let customizations = Customizations::start(hub.clone(), engine.clone(), role, hooks, &stop)?;
        customizations.settled().await;
        let interpreters = changes(&customizations, &addons, &stop);
        let tailoring = Some(addons.tailoring());
        let options = Options { interpreters: Some(interpreters), tailoring, ..Options::default() };
        let controllers = Controllers::start(hub, engine, options, &stop);
        Ok(Self { controllers, customizations, addons, stop })
    }

    /// Stops them, and waits until what they are at is finished.
    pub async fn stop(self) {
        drop(self.customizations);
        drop(self.addons);
        self.controllers.stop().await;
        self.stop.cancel();
    }
}

/// Rises whenever interpreters of users or of addons have changed.
pub fn changes(customizations: &Customizations, addons: &Addons, stop: &CancellationToken) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(0);
    let (mut users, mut addons, stop) = (customizations.changes(), addons.changes(), stop.clone());
    tokio::spawn(async move {
        loop {
            let changed = tokio::select! {
                () = stop.cancelled() => return,
                changed = users.changed() => changed,
                changed = addons.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
            sender.send_modify(|count| *count += 1);
        }
    });
    receiver
}
