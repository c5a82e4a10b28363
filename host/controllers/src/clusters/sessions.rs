//! Sessions with push clusters: one per Cluster, while it is there.

use outrigger_api::cluster::Cluster;
use outrigger_runtime::Result;

use crate::hub::Hub;

/// See the module.
#[derive(Default)]
pub(crate) struct Sessions {}

impl Sessions {
    /// Starts the session of a push cluster, or starts it anew when how it is reached has changed.
    pub(crate) async fn ensure(&self, _hub: &Hub, _cluster: &Cluster) -> Result<()> {
        Ok(())
    }

    /// Ends the session of a cluster.
    pub(crate) async fn stop(&self, _name: &str) {}
}
