//! `outrigger agent`: a member that reaches out to the control plane (pull mode).
//!
//! ```text
//! identity in --state-dir? ──no──▶ enrol: token and CA hash ──▶ certificate
//!        └──────yes──────┐                     │
//!                        ▼                     ▼
//!                    register the Cluster ──▶ work for it, renew, until told to stop
//! ```
//!
//! What may pass, such as a control plane that is not up yet, is waited for and said. What will not, such
//! as a token that is wrong, ends the command with what to do.

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use outrigger_addons::Addons;
use outrigger_auth::Secret;
use outrigger_customization::{Customizations, Role};
use outrigger_member::enroll::{self, Credentials, EnrolConfig, Invitation, Registration};
use outrigger_member::{Member, MemberSession, Reach, SessionConfig};
use outrigger_runtime::{Client, ErrorKind, Metrics, Recorder, RecorderConfig, SystemClock};
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cluster::register::{check_hash, url};
use crate::connect::{self, Connection};
use crate::serve::changes;
use crate::{cli, engine, health, signals};

mod keep;

use keep::Kept;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs until it is told to stop, or until it cannot go on.
pub async fn run(args: cli::Agent) -> Result<()> {
    let stop = CancellationToken::new();
    let working = work(args, stop.clone());
    tokio::pin!(working);
    tokio::select! {
        ended = &mut working => return ended,
        told = signals::stop() => told?,
    }
    info!("stopping");
    stop.cancel();
    working.await
}

async fn work(args: cli::Agent, stop: CancellationToken) -> Result<()> {
    let name = args.cluster_name.as_str();
    let invitation = invitation(&args)?;
    let member = match &args.member_kubeconfig {
        Some(file) => connect::from_file(file, None, name).await?,
        None => connect::in_cluster(name)?,
    };
    let state = Arc::new(State::default());
    let metrics = Metrics::register(&mut state.registry.lock().unwrap_or_else(PoisonError::into_inner));
    let member = Connection { client: member.client.with_metrics(metrics), ..member };
    let mut tasks = JoinSet::new();
    if let Some(address) = args.health_listen {
        let listener = health::bind(address).await?;
        tasks.spawn(health::serve(listener, state.clone(), stop.clone()));
    }
    let started = start(&args, invitation, &member, &mut tasks, &stop);
    let session = match stop.run_until_cancelled(started).await {
        Some(session) => session?,
        None => return Ok(()),
    };
    info!(cluster = name, "working");
    if connect::is_terminal() {
        eprintln!("cluster {name}: working for {}; Ctrl-C stops", member.url());
    }
    state.follow(&session, &stop).await;
    session.stop().await;
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// Enrols, registers, and begins to work.
async fn start(
    args: &cli::Agent,
    invitation: Option<Invitation>,
    member: &Connection,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<MemberSession> {
    let name = args.cluster_name.as_str();
    let directory = args.state_dir.as_path();
    let clock = Arc::new(SystemClock);
    let kept =
        args.state_secret.as_ref().map(|(namespace, name)| Kept::new(&member.client, namespace, name, directory));
    if let Some(kept) = &kept {
        patiently("the member", || async { kept.restore().await.map_err(of_request) }).await?;
    }
    let mut credentials = patiently("the control plane", || async {
        enroll::enrol(name, directory, invitation.as_ref(), EnrolConfig::default(), clock.clone())
            .await
            .map_err(|error| of_enrolment(error, name, directory))
    })
    .await?;
    if let Some(hub) = args.hub.as_deref().filter(|hub| !hub.is_empty()) {
        credentials.server = url(hub)?;
    }
    let server = credentials.server.clone();
    let connection =
        Arc::new(enroll::Connection::new(name, directory, credentials, EnrolConfig::default(), clock.clone())?);
    let hub = Client::new(connection.client(), connect::HUB).with_metrics(member.client.metrics().clone());
    if let Some(kept) = kept {
        tasks.spawn(kept.keep(stop.clone()));
    }
    let registration = Registration { name: name.to_owned(), api_endpoint: member.url(), ..Registration::default() };
    patiently("the control plane or the member", || async {
        enroll::register(&hub, &member.client, &registration)
            .await
            .map_err(|error| of_registration(error, name, &server, directory))
    })
    .await?;
    info!(cluster = name, server, "registered");
    let recorder =
        Recorder::start(hub.clone(), "outrigger-agent", clock.clone(), RecorderConfig::default(), stop.clone());
    let keeper = (connection, stop.clone());
    tasks.spawn(async move { keeper.0.keep(keeper.1).await });
    let engine = engine::engine(args.interpreters.as_deref())?;
    let customizations = Customizations::start(hub.clone(), engine.clone(), Role::Follow, Default::default(), stop)?;
    customizations.settled().await;
    let following = outrigger_addons::Role::Follow;
    let addons = Addons::start(hub.clone(), engine.clone(), engine::addons()?, engine::version(), following, stop);
    addons.settled().await;
    let member =
        Member { name: name.to_owned(), hub, member: member.client.clone(), engine, works: None, observed: None };
    let session = MemberSession::start(member, SessionConfig::pull(), recorder, clock, stop);
    let (again, cancel) = (session.again(), stop.clone());
    tasks.spawn(async move {
        let mut changes = changes(&customizations, &addons, &cancel);
        while let Some(Ok(())) = cancel.run_until_cancelled(changes.changed()).await {
            again();
        }
    });
    Ok(session)
}

/// What the agent was told about how to join, if all of it was.
fn invitation(args: &cli::Agent) -> Result<Option<Invitation>> {
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    match (given(&args.hub), given(&args.token), given(&args.ca_hash)) {
        (Some(hub), Some(token), Some(pin)) => {
            check_hash(&pin)?;
            Ok(Some(Invitation { server: url(&hub)?, token: Secret::new(token.trim()), pin }))
        }
        (None, Some(_), _) => {
            bail!("--token needs --hub and --ca-hash: give all that `outrigger token create` printed")
        }
        (_, Some(_), None) => bail!("--token needs --ca-hash: give all that `outrigger token create` printed"),
        (Some(hub), None, _) => url(&hub).map(|_| None),
        (None, None, _) => Ok(None),
    }
}

/// How a try has failed: it may work later, or it will not.
enum Failed {
    Later(anyhow::Error),
    Never(anyhow::Error),
}

/// Tries until it works, or until it never will. Each failure is said, and then waited for a while.
async fn patiently<T, F: Future<Output = Result<T, Failed>>>(whom: &str, mut attempt: impl FnMut() -> F) -> Result<T> {
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(Failed::Never(error)) => return Err(error),
            Err(Failed::Later(error)) => {
                let seconds = pause.as_secs_f32();
                warn!("{whom} cannot be worked with yet, trying again in {seconds} s: {error:#}");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn of_request(error: outrigger_runtime::Error) -> Failed {
    match error.kind() {
        ErrorKind::Transient => Failed::Later(error.into()),
        _ => Failed::Never(error.into()),
    }
}

fn of_enrolment(error: outrigger_member::Error, name: &str, directory: &Path) -> Failed {
    let refused = matches!(&error, outrigger_member::Error::Request(one) if one.reason() == "Unauthorized");
    match error.kind() {
        ErrorKind::Transient => Failed::Later(error.into()),
        ErrorKind::Forbidden if refused => Failed::Never(anyhow!(
            "cluster {name} cannot enrol: {error}; the token is wrong or has expired: make a new one with `outrigger token \
             create`"
        )),
        ErrorKind::Invalid if Credentials::load(directory).is_err() => {
            Failed::Never(anyhow!("cluster {name} cannot enrol: {error}; remove the file and enrol with a new token"))
        }
        _ => Failed::Never(anyhow!("cluster {name} cannot enrol: {error}")),
    }
}

fn of_registration(error: outrigger_member::Error, name: &str, server: &str, directory: &Path) -> Failed {
    let of_hub = error.to_string().starts_with(&format!("cluster {}:", connect::HUB));
    match error.kind() {
        ErrorKind::Transient | ErrorKind::Conflict => Failed::Later(error.into()),
        ErrorKind::Forbidden if of_hub => Failed::Never(anyhow!(
            "cluster {name} cannot register with {server}: {error}; was it unjoined? Remove {} and enrol with a new token",
            directory.display()
        )),
        ErrorKind::Forbidden => Failed::Never(anyhow!(
            "{error}; the agent's identity in the member lacks rights: apply deploy/agent.yaml, or name another kubeconfig"
        )),
        _ => Failed::Never(anyhow!("cluster {name} cannot register with {server}: {error}")),
    }
}

/// What health checks are told.
struct State {
    registry: Mutex<Registry>,
    working: AtomicBool,
    reach: Mutex<Option<String>>,
}

impl Default for State {
    fn default() -> Self {
        let registry = Mutex::new(Registry::with_prefix("outrigger"));
        Self { registry, working: AtomicBool::new(false), reach: Mutex::default() }
    }
}

impl State {
    /// Keeps what is told up to date until it is time to stop.
    async fn follow(&self, session: &MemberSession, stop: &CancellationToken) {
        self.working.store(true, Ordering::Relaxed);
        loop {
            let why = match session.reach() {
                Reach::Reachable => None,
                Reach::Unreachable(why) => Some(why),
            };
            *self.reach.lock().unwrap_or_else(PoisonError::into_inner) = why;
            if stop.run_until_cancelled(tokio::time::sleep(Duration::from_secs(1))).await.is_none() {
                return;
            }
        }
    }
}

impl health::Health for State {
    fn ready(&self) -> Result<(), String> {
        if !self.working.load(Ordering::Relaxed) {
            return Err("not registered with the control plane yet".into());
        }
        match &*self.reach.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(why) => Err(format!("the member does not answer: {why}")),
        }
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        match prometheus_client::encoding::text::encode(&mut text, &registry) {
            Ok(()) => text,
            Err(error) => format!("# the metrics cannot be written: {error}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn check(args: &[&str], expected: Result<bool, &str>) {
        let mut line = vec!["outrigger", "agent", "--cluster-name", "edge"];
        line.extend(args);
        let cli::Command::Agent(agent) = cli::Cli::parse_from(&line).command else { unreachable!() };
        match (invitation(&agent), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got.is_some(), expected, "{args:?}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{args:?}: {error}"),
            (got, expected) => panic!("{args:?}: {got:?}, not {expected:?}"),
        }
    }

    #[test]
    fn an_invitation_is_whole_or_none() {
        let hash = format!("sha256:{}", "0a".repeat(32));
        let (token, pin) = ("--token=abcdef.0123456789abcdef", format!("--ca-hash={hash}"));
        check(&["--hub=h:7443", token, &pin], Ok(true));
        check(&[], Ok(false));
        check(&["--hub=h:7443"], Ok(false));
        check(&["--hub=h:7443", "--token=", &pin], Ok(false));
        check(&["--hub=h:7443", token], Err("--ca-hash"));
        check(&[token, &pin], Err("--hub"));
        check(&["--hub=http://h", token, &pin], Err("https"));
        check(&["--hub=h:7443", token, "--ca-hash=md5:1"], Err("sha256"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_and_what_may_not_ends() {
        let mut tries = 0;
        let done = patiently("it", || {
            tries += 1;
            let now = tries;
            async move { if now < 4 { Err(Failed::Later(anyhow!("busy"))) } else { Ok(now) } }
        });
        assert_eq!(done.await.unwrap(), 4);
        let never = patiently::<(), _>("it", || async { Err(Failed::Never(anyhow!("no"))) });
        assert_eq!(never.await.unwrap_err().to_string(), "no");
    }
}
