//! [`Host`]: the controllers over some API server.

use anyhow::Result;
use outrigger_controllers::{Controllers, Options};
use outrigger_runtime::Client;
use tokio_util::sync::CancellationToken;

use super::install;
use crate::engine;

/// The controllers, running.
pub struct Host {
    controllers: Controllers,
}

impl Host {
    /// Installs the CRDs that the API server lacks, and starts the controllers.
    pub async fn start(hub: Client) -> Result<Self> {
        let engine = engine::engine()?;
        install::install(&hub).await?;
        let controllers = Controllers::start(hub, engine, Options::default(), &CancellationToken::new());
        Ok(Self { controllers })
    }

    /// Stops them, and waits until what they are at is finished.
    pub async fn stop(self) {
        self.controllers.stop().await;
    }
}
