//! [`LeaderElection`]: one of several processes leads, by a coordination.k8s.io Lease.
//!
//! The rules are client-go's: a lease that was seen unchanged for its whole duration, by the clock of
//! the one who looks, may be taken; the holder renews it, and stops leading when it could not do so
//! within the renew deadline; on a clean stop it is released, so that the next need not wait.
//!
//! **Invariant:** who cannot renew stops before anybody else may start: the deadline is shorter than
//! the duration.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{Client, Clock, Error, Result};

/// Which lease, and how patient.
#[derive(Clone, Debug)]
pub struct LeaderConfig {
    /// The lease's namespace and name.
    pub lease: ObjectKey,
    /// Who asks; unique among those who do.
    pub identity: String,
    /// How long a lease holds without being renewed. Whole seconds.
    pub duration: Duration,
    /// The holder stops leading when it could not renew for this long.
    pub renew_deadline: Duration,
    /// Pause between tries.
    pub retry: Duration,
}

impl LeaderConfig {
    /// 15 s, 10 s and 2 s, as is usual.
    pub fn new(lease: ObjectKey, identity: impl Into<String>) -> Self {
        Self {
            lease,
            identity: identity.into(),
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// One who asks to lead.
pub struct LeaderElection {
    client: Client,
    config: LeaderConfig,
    clock: Arc<dyn Clock>,
    /// The lease as last seen to change, and when.
    seen: Option<(String, Instant)>,
}

fn leases() -> Resource {
    Resource {
        gvk: Gvk::new("coordination.k8s.io", "v1", "Lease"),
        plural: "leases".into(),
        namespaced: true,
        has_status: false,
        has_scale: false,
    }
}

/// A time as MicroTime is written.
pub(crate) fn micro_time(at: Timestamp) -> String {
    format!("{at:.6}")
}

impl LeaderElection {
    /// Asks nothing yet.
    pub fn new(client: Client, config: LeaderConfig, clock: Arc<dyn Clock>) -> Self {
        Self { client, config, clock, seen: None }
    }

    /// Waits until this one leads, then runs `lead` with a token that is cancelled when leading ends,
    /// be it that `cancel` was or that the lease was lost. Waits for `lead` to finish, releases the
    /// lease if it is still held, and returns whether leading ended because of `cancel`.
    pub async fn run<F>(mut self, cancel: CancellationToken, lead: impl FnOnce(CancellationToken) -> F) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        loop {
            match self.try_hold().await {
                Ok(true) => break,
                Ok(false) => debug!(lease = %self.config.lease, "another leads"),
                Err(error) => warn!(error = %error, "the lease could not be taken"),
            }
            tokio::select! {
                () = cancel.cancelled() => return true,
                () = tokio::time::sleep(self.jittered()) => {}
            }
        }
        info!(lease = %self.config.lease, identity = self.config.identity, "leading");
        let leading = cancel.child_token();
        let mut work = tokio::spawn(lead(leading.clone()));
        let lost = tokio::select! {
            () = self.renew() => true,
            () = cancel.cancelled() => false,
            _ = &mut work => false,
        };
        leading.cancel();
        if !work.is_finished() {
            let _ = work.await;
        }
        if lost {
            warn!(lease = %self.config.lease, "lost the lease");
        } else if let Err(error) = self.release().await {
            warn!(error = %error, "the lease could not be released");
        }
        !lost
    }

    fn jittered(&self) -> Duration {
        self.config.retry.mul_f64(1.0 + 0.2 * rand::random::<f64>())
    }

    /// Renews until that fails for the renew deadline, or another holds it.
    async fn renew(&mut self) {
        let mut last = Instant::now();
        loop {
            tokio::time::sleep(self.config.retry).await;
            let left = self.config.renew_deadline.saturating_sub(last.elapsed());
            match tokio::time::timeout(left.max(Duration::from_millis(1)), self.try_hold()).await {
                Ok(Ok(true)) => last = Instant::now(),
                Ok(Ok(false)) => return,
                Ok(Err(error)) => warn!(error = %error, "the lease could not be renewed"),
                Err(_) => warn!("renewing the lease takes too long"),
            }
            if last.elapsed() >= self.config.renew_deadline {
                return;
            }
        }
    }

    /// Takes or renews the lease; false when another holds it.
    pub async fn try_hold(&mut self) -> Result<bool> {
        let now = self.clock.now();
        let Some(mut lease) = self.client.get_opt(&leases(), &self.config.lease).await? else {
            return match self.client.create(&leases(), &self.fresh(now)).await {
                Ok(created) => {
                    self.see(&created);
                    Ok(true)
                }
                Err(error) if error.is_already_exists() => Ok(false),
                Err(error) => Err(error),
            };
        };
        let holder = lease.str(&["spec", "holderIdentity"]).unwrap_or_default().to_owned();
        let mine = holder == self.config.identity;
        self.see(&lease);
        if !mine && !holder.is_empty() && !self.is_over(&lease) {
            return Ok(false);
        }
        if !mine {
            let transitions = lease.int(&["spec", "leaseTransitions"]).unwrap_or(0) + 1;
            lease.set(&["spec", "leaseTransitions"], transitions);
            lease.set(&["spec", "acquireTime"], micro_time(now));
            lease.set(&["spec", "holderIdentity"], self.config.identity.as_str());
        }
        lease.set(&["spec", "leaseDurationSeconds"], self.config.duration.as_secs());
        lease.set(&["spec", "renewTime"], micro_time(now));
        match self.client.update(&leases(), &lease).await {
            Ok(updated) => {
                self.see(&updated);
                Ok(true)
            }
            Err(error) if error.is_conflict() && !mine => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn fresh(&self, now: Timestamp) -> Object {
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.config.lease.name, "namespace": self.config.lease.namespace},
            "spec": {
                "holderIdentity": self.config.identity, "leaseDurationSeconds": self.config.duration.as_secs(),
                "acquireTime": micro_time(now), "renewTime": micro_time(now), "leaseTransitions": 0,
            }
        });
        Object::from_value(body).unwrap_or_default()
    }

    fn see(&mut self, lease: &Object) {
        let version = lease.resource_version();
        if self.seen.as_ref().is_none_or(|(known, _)| known != version) {
            self.seen = Some((version.to_owned(), Instant::now()));
        }
    }

    /// Whether the lease has been seen unchanged for its own duration.
    fn is_over(&self, lease: &Object) -> bool {
        let seconds = lease.int(&["spec", "leaseDurationSeconds"]).and_then(|seconds| u64::try_from(seconds).ok());
        let duration = seconds.map_or(self.config.duration, Duration::from_secs);
        self.seen.as_ref().is_some_and(|(_, at)| at.elapsed() >= duration)
    }

    /// Gives the lease back, if it is this one's.
    async fn release(&mut self) -> Result<(), Error> {
        let Some(mut lease) = self.client.get_opt(&leases(), &self.config.lease).await? else { return Ok(()) };
        if lease.str(&["spec", "holderIdentity"]) != Some(self.config.identity.as_str()) {
            return Ok(());
        }
        let now = micro_time(self.clock.now());
        lease.set(&["spec", "holderIdentity"], "");
        lease.set(&["spec", "leaseDurationSeconds"], 1);
        lease.set(&["spec", "renewTime"], now.as_str());
        lease.set(&["spec", "acquireTime"], now.as_str());
        self.client.update(&leases(), &lease).await.map(|_| ())
    }
}
