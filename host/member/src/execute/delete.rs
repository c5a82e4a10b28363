//! The end of a Work: its objects in the member go, or are released, and then its finalizer does.
//!
//! **Invariant:** the finalizer goes only when every manifest was dealt with; an error, a member that
//! does not answer, or a kind of which nothing is known keeps it. The one exception is a cluster that
//! is itself being removed and cannot be reached: nothing can be done there any more.

use outrigger_api::labels::finalizer;
use outrigger_interpreter::LifeCycle;
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Error, Lookup, Outcome, Patch, Result, Subresource};
use serde_json::json;
use tracing::info;

use super::{Executor, is_ours};
use crate::ownership;
use crate::work::{self, Work};

impl Executor {
    pub(super) async fn delete(&self, work: &Work) -> Result<Outcome> {
        if !work.object.has_finalizer(finalizer::EXECUTION_CONTROLLER) {
            self.forget(&work.key());
            return Ok(Outcome::Skipped("it is being deleted, and not for us to hold"));
        }
        if let Some(why) = self.breaker.is_open() {
            if !self.is_cluster_leaving() {
                return Ok(Outcome::Skipped("the member does not answer"));
            }
            info!(work = %work.key(), error = why, "cluster is leaving and does not answer; its objects stay there");
        } else {
            let mut failures = Vec::new();
            for manifest in work.manifests.iter().flatten() {
                if let Err(error) = self.remove_one(work, manifest).await {
                    failures.push(error);
                }
            }
            if let Some(error) = failures.into_iter().next() {
                if self.breaker.is_open().is_some() && self.is_cluster_leaving() {
                    return Ok(Outcome::Waiting(std::time::Duration::ZERO));
                }
                return Err(error);
            }
        }
        self.remove_finalizer(work).await?;
        self.forget(&work.key());
        Ok(Outcome::Applied)
    }

    async fn remove_one(&self, work: &Work, manifest: &Object) -> Result<()> {
        let (reference, gvk) = (manifest.reference(), manifest.gvk());
        let resource = match self.discovery.resolve(&gvk).await {
            Lookup::Found(resource) => resource,
            // Without its kind there is no object.
            Lookup::Absent => return Ok(()),
            Lookup::Unknown(why) => {
                let cluster = &self.cluster;
                return Err(Error::transient(format!("not known whether cluster {cluster} serves {gvk}: {why}")));
            }
        };
        if self.engine.life_cycle(&gvk) == LifeCycle::MemberOwned {
            return Ok(());
        }
        // Asked of the member itself: a watch may be behind, and a deletion must not be.
        let observed = match self.writer.get(&resource, &reference.key).await {
            Ok(observed) => observed,
            Err(Error::NoKind { .. }) => {
                self.discovery.refresh().await?;
                return match self.discovery.lookup(&gvk) {
                    Lookup::Absent => Ok(()),
                    _ => {
                        Err(Error::transient(format!("{gvk} is neither served nor absent in cluster {}", self.cluster)))
                    }
                };
            }
            Err(error) => return Err(error),
        };
        self.memory.lock().forget(&reference);
        let Some(observed) = observed.filter(|observed| is_ours(observed, &work.key())) else { return Ok(()) };
        if work.preserves() {
            if let Some(patch) = ownership::release(&observed) {
                self.writer.merge(&resource, &reference.key, patch).await?;
                info!(object = %reference, "left to the member");
            }
        } else if !observed.is_deleting() {
            self.writer.delete(&resource, &observed).await?;
            info!(object = %reference, "deleted in the member");
        }
        Ok(())
    }

    async fn remove_finalizer(&self, work: &Work) -> Result<()> {
        let left: Vec<&str> =
            work.object.finalizers().filter(|name| *name != finalizer::EXECUTION_CONTROLLER).collect();
        let patch = json!({"metadata": {"finalizers": left, "resourceVersion": work.object.resource_version()}});
        match self.hub.patch(&work::resource(), &work.key(), &Patch::Merge(patch), Subresource::None).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    fn is_cluster_leaving(&self) -> bool {
        let cluster = self.this_cluster.get(&ObjectKey::new("", self.cluster.as_str()));
        cluster.is_some_and(|cluster| cluster.is_deleting())
    }
}
