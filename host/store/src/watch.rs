//! The watch of both implementations.

use std::sync::Arc;

use async_trait::async_trait;

use crate::core::{Core, Taken};
use crate::hub::Slot;
use crate::{Event, Result, Revision, Watch};

/// See [`Watch`]. It keeps the memory of the store alive, not its file.
#[derive(Debug)]
pub(crate) struct Watcher {
    core: Arc<Core>,
    slot: Arc<Slot>,
}

impl Watcher {
    pub(crate) fn new(core: Arc<Core>, slot: Arc<Slot>) -> Self {
        Self { core, slot }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.core.leave(&self.slot);
    }
}

#[async_trait]
impl Watch for Watcher {
    async fn next(&mut self) -> Result<Vec<Arc<Event>>> {
        loop {
            match self.core.take(&self.slot)? {
                Taken::Events(events) => return Ok(events),
                Taken::More => tokio::task::yield_now().await,
                Taken::Nothing => {
                    self.core.check_open()?;
                    // One that comes between the look and here leaves a permit to go on with.
                    self.slot.wake.notified().await;
                }
            }
        }
    }

    fn progress(&self) -> Revision {
        self.core.progress(&self.slot)
    }
}
