//! [`Host`]: the controllers over some API server.

use std::sync::Arc;

use anyhow::Result;
use outrigger_controllers::{Controllers, Options};
use outrigger_customization::{Customizations, Role};
use outrigger_engine::Engine;
use outrigger_runtime::{Client, Recorder, RecorderConfig, SystemClock};
use tokio_util::sync::CancellationToken;

use super::install;

/// The controllers, running.
pub struct Host {
    controllers: Controllers,
    customizations: Customizations,
    stop: CancellationToken,
}

impl Host {
    /// Installs the CRDs that the API server lacks, reads the interpreters that users applied, and starts the
    /// controllers.
    pub async fn start(hub: Client, engine: Arc<Engine>, hooks: outrigger_webhook::Metrics) -> Result<Self> {
        install::install(&hub).await?;
        let stop = CancellationToken::new();
        let clock = Arc::new(SystemClock);
        let recorder =
            Recorder::start(hub.clone(), "outrigger", clock.clone(), RecorderConfig::default(), stop.clone());
        let role = Role::Lead { recorder, clock };
        let customizations = Customizations::start(hub.clone(), engine.clone(), role, hooks, &stop)?;
        customizations.settled().await;
        let options = Options { interpreters: Some(customizations.changes()), ..Options::default() };
        let controllers = Controllers::start(hub, engine, options, &stop);
        Ok(Self { controllers, customizations, stop })
    }

    /// Stops them, and waits until what they are at is finished.
    pub async fn stop(self) {
        drop(self.customizations);
        self.controllers.stop().await;
        self.stop.cancel();
    }
}
