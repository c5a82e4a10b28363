//! The demo's member clusters: real API servers on which the controllers are simulated.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use outrigger_object::Object;
use outrigger_store::MemoryStore;
use outrigger_testkit::{Failure, SimulatedMember, SimulatorOptions, install_crds};

use crate::serve::endpoint::{Endpoint, Setup};

/// A member of the demo.
pub struct Member {
    /// Its name on the control plane.
    pub name: &'static str,
    /// Its API server.
    pub endpoint: Endpoint,
    _simulator: SimulatedMember,
}

/// Name, and the number of items that a Backup has there.
pub const MEMBERS: [(&str, i64); 3] = [("east", 120), ("west", 84), ("edge", 37)];
/// The member that an agent serves; the others are in push mode.
pub const PULL: &str = "edge";

impl Member {
    /// Starts a member: API server, CRDs of the addon, simulated controllers.
    pub async fn start(
        directory: &Path,
        (name, items): (&'static str, i64),
        crds: &[Object],
        pace: Duration,
        failure: Option<Failure>,
    ) -> Result<Self> {
        let directory = directory.join(name);
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let setup = Setup { directory: &directory, name, listen, names: &[], metrics: None };
        let endpoint = Endpoint::start(Arc::new(MemoryStore::default()), setup).await?;
        let client = endpoint.client("velero");
        install_crds(&client, crds).await.with_context(|| format!("{name}: the CRDs were refused"))?;
        let simulator = SimulatedMember::start(client, SimulatorOptions { pace, items, failure });
        Ok(Self { name, endpoint, _simulator: simulator })
    }
}

/// Reads `--fail NAME[=HOW]`.
pub fn failures(args: &[String]) -> Result<Vec<(&'static str, Failure)>> {
    args.iter().map(|arg| failure(arg)).collect()
}

fn failure(arg: &str) -> Result<(&'static str, Failure)> {
    let (name, how) = arg.split_once('=').unwrap_or((arg, "full"));
    let known: Vec<&str> = MEMBERS.iter().map(|(name, _)| *name).collect();
    let Some(name) = known.iter().copied().find(|known| *known == name) else {
        bail!("--fail {arg}: there is no member {name:?}; choose one of {}", known.join(", "));
    };
    let failure = match how {
        "partial" => Failure::Partial,
        "full" => Failure::Full,
        "validation" => Failure::Validation,
        _ => bail!("--fail {arg}: {how:?} is none of partial, full, validation"),
    };
    Ok((name, failure))
}

/// The aggregated phase that these failures call for, by the rules of the Velero addon's README.
pub fn expected_phase(failures: &[(&str, Failure)]) -> &'static str {
    let how = |name: &str| failures.iter().rev().find(|(other, _)| *other == name).map(|(_, how)| *how);
    let ends: Vec<Option<Failure>> = MEMBERS.iter().map(|(name, _)| how(name)).collect();
    let all = |wanted: &[Option<Failure>]| ends.iter().all(|end| wanted.contains(end));
    if all(&[None]) {
        "Completed"
    } else if all(&[Some(Failure::Validation)]) {
        "FailedValidation"
    } else if all(&[Some(Failure::Full), Some(Failure::Validation)]) {
        "Failed"
    } else {
        "PartiallyFailed"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &[&str], expected: &str) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let phase = failures(&args).map_or_else(|error| error.to_string(), |found| expected_phase(&found).to_owned());
        assert_eq!(phase, expected);
    }

    #[test]
    fn phases_by_failures() {
        check(&[], "Completed");
        check(&["west"], "PartiallyFailed");
        check(&["east=partial", "west=partial", "edge=partial"], "PartiallyFailed");
        check(&["east", "west", "edge=validation"], "Failed");
        check(&["east=validation", "west=validation", "edge=validation"], "FailedValidation");
        check(&["north"], "--fail north: there is no member \"north\"; choose one of east, west, edge");
        check(&["west=badly"], "--fail west=badly: \"badly\" is none of partial, full, validation");
    }
}
