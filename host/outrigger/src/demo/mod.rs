//! `outrigger demo`: one Velero backup over two push members and one pull member.
//!
//! Everything is the real thing but the members' controllers: a control plane with a durable store,
//! three API servers with TLS, an agent process for the pull member. There are no pods, so a
//! simulated Velero walks the Backups through their phases, and the demo says so.

mod board;
mod members;
mod progress;
mod watch;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use outrigger_addon::Addon as _;
use tokio::{
    process::{Child, Command},
    sync::mpsc,
};

use board::Board;
use members::{MEMBERS, Member, PULL};
use progress::Progress;

use crate::{
    cli,
    cluster::{self, join, token},
    connect::{self, Connection},
    output,
    serve::ControlPlane,
};

/// The addon's own examples, in the order in which they are applied.
const EXAMPLES: [(&str, &str); 4] = [
    ("10-namespace.yaml", include_str!("../../../../addons/velero/examples/10-namespace.yaml")),
    ("20-policy.yaml", include_str!("../../../../addons/velero/examples/20-policy.yaml")),
    ("30-override.yaml", include_str!("../../../../addons/velero/examples/30-override.yaml")),
    ("40-location.yaml", include_str!("../../../../addons/velero/examples/40-location.yaml")),
];
/// Applied when the location is available: Velero refuses a Backup without one.
const BACKUP: (&str, &str) = ("50-backup.yaml", include_str!("../../../../addons/velero/examples/50-backup.yaml"));

/// Where the agent of the pull member logs.
const AGENT_LOG: &str = "agent-edge.log";

const PATIENCE: Duration = Duration::from_secs(90);

/// Runs the demo.
pub async fn run(args: cli::Demo) -> Result<()> {
    let failures = members::failures(&args.fail)?;
    let directory = Directory::choose(args.data_dir.as_deref())?;
    let progress = Progress::start();

    progress.doing("starting the control plane");
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let plane = ControlPlane::start(&directory.path.join("hub"), listen, &[], None).await?;
    progress.done(&format!("control plane on {}, its data in {}", plane.endpoint().url(), directory.path.display()));

    progress.doing("starting the members");
    let velero = outrigger_addon_velero::Velero::new()?;
    let pace = Duration::from_millis(args.pace);
    let mut running = Vec::new();
    for member in MEMBERS {
        let failure = failures.iter().rev().find(|(name, _)| *name == member.0).map(|(_, failure)| *failure);
        running.push(Member::start(&directory.path, member, &velero.crds(), pace, failure).await?);
    }
    progress.done("members east, west and edge are up; Velero and the Deployment controller in them are simulated");

    progress.doing("registering the members");
    let admin = connect::from_file(plane.endpoint().kubeconfig(), None, connect::HUB).await?;
    let mut agent = None;
    for member in &running {
        if member.name == PULL {
            agent = Some(start_agent(&admin, member, &directory.path).await?);
        } else {
            join(&admin, member).await.with_context(|| format!("{} could not join", member.name))?;
        }
    }
    let hub = plane.endpoint().client("demo");
    watch::until(&hub, &watch::CLUSTERS, PATIENCE, |clusters| {
        clusters.len() == MEMBERS.len() && clusters.values().all(watch::is_ready)
    })
    .await
    .context("the members did not become Ready")?;
    progress.done("east and west joined (push), edge registered through its agent (pull); all are Ready");
    let manifest = velero.manifest();
    progress.done(&format!(
        "addon {} {} is on, for {} kinds",
        manifest.name,
        manifest.versions.addon,
        manifest.kinds.len()
    ));

    for (file, text) in EXAMPLES {
        progress.doing(&format!("applying {file}"));
        watch::apply(plane.hub(), file, text).await?;
    }
    watch::until(&hub, &watch::LOCATIONS, PATIENCE, |locations| {
        locations.values().any(|location| location.pointer("/status/phase").is_some_and(|phase| phase == "Available"))
    })
    .await
    .context("the BackupStorageLocation did not become Available in all members")?;
    progress
        .done("namespace, policies, location and its credentials applied; the location is Available in all members");
    watch::apply(plane.hub(), BACKUP.0, BACKUP.1).await?;
    progress.done("Backup velero/nightly applied, once");

    let board = follow_backup(&plane, &running, &progress, members::expected_phase(&failures)).await;
    progress.finish();
    let board = board?;
    if args.json {
        output::say(serde_json::to_string_pretty(&board)?)?;
    } else {
        output::say(format!("\n{}\n", board.table()))?;
    }
    if !args.exit {
        output::say(hints(&plane, &running, &directory.path))?;
        crate::signals::stop().await?;
        eprintln!("stopping");
    }
    if let Some(agent) = agent {
        stop(agent).await;
    }
    plane.stop().await;
    for member in running {
        member.endpoint.stop().await;
    }
    if !board.is_right() {
        bail!("the aggregated phase is {:?}, and should be {:?}", board.aggregated.phase, board.expected_phase);
    }
    Ok(())
}

/// Where the demo works.
struct Directory {
    path: PathBuf,
}

impl Directory {
    fn choose(given: Option<&Path>) -> Result<Self> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => std::env::temp_dir().join(format!("outrigger-demo-{}", std::process::id())),
        };
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }
}

async fn join(hub: &Connection, member: &Member) -> Result<()> {
    let connection = connect::from_file(member.endpoint.kubeconfig(), None, member.name).await?;
    let request = join::Request { name: member.name.to_owned(), ..join::Request::default() };
    join::join(hub, &connection, &request, &cluster::progress::Progress::quiet()).await?;
    Ok(())
}

/// Registers a member through an agent process, as a user would: with a token.
async fn start_agent(hub: &Connection, member: &Member, directory: &Path) -> Result<Child> {
    let token = token::create(hub, Some(Duration::from_secs(600))).await?;
    let log = directory.join(AGENT_LOG);
    let file = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    Command::new(std::env::current_exe()?)
        .args(["agent", "--cluster-name", member.name, "--hub", &token.hub, "--ca-hash", &token.ca_hash])
        .arg("--member-kubeconfig")
        .arg(member.endpoint.kubeconfig())
        .arg("--state-dir")
        .arg(directory.join("agent-edge"))
        .env("OUTRIGGER_TOKEN", &token.token)
        .env("OUTRIGGER_LOG", "info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .kill_on_drop(true)
        .spawn()
        .context("the agent process could not be started")
}

async fn stop(mut agent: Child) {
    // The agent ends its work on SIGTERM; the kernel's answer shows whether it was still there.
    if let Some(pid) = agent.id() {
        let _ = Command::new("kill").arg(pid.to_string()).status().await;
    }
    if tokio::time::timeout(Duration::from_secs(5), agent.wait()).await.is_err() {
        let _ = agent.kill().await;
    }
}

/// Shows the Backup's phases everywhere until all have ended and the sum is there.
async fn follow_backup(
    plane: &ControlPlane,
    members: &[Member],
    progress: &Progress,
    expected: &'static str,
) -> Result<Board> {
    let names: Vec<&str> = members.iter().map(|member| member.name).collect();
    let mut board = Board::new(&names, expected);
    let (sender, mut rows) = mpsc::channel(64);
    let mut followers = tokio::task::JoinSet::new();
    for member in members {
        followers.spawn(watch::backup(member.endpoint.client("demo"), Some(member.name.to_owned()), sender.clone()));
    }
    followers.spawn(watch::backup(plane.endpoint().client("demo"), None, sender));
    let watching = async {
        while let Some((cluster, row)) = rows.recv().await {
            match cluster {
                Some(cluster) => board.clusters.insert(cluster, row),
                None => Some(std::mem::replace(&mut board.aggregated, row)),
            };
            progress.line(board.line(progress.began()));
            if board.is_settled() {
                break;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, watching).await.is_err() {
        progress.line(format!("gave up after {} s", PATIENCE.as_secs()));
    }
    Ok(board)
}

/// What to try now.
fn hints(plane: &ControlPlane, members: &[Member], directory: &Path) -> String {
    let hub = plane.endpoint().kubeconfig().display().to_string();
    let file = |member: &Member| member.endpoint.kubeconfig().display().to_string();
    let mut text = format!("Kubeconfigs:\n  control plane  {hub}\n");
    for member in members {
        text.push_str(&format!("  {:<13}  {}\n", member.name, file(member)));
    }
    let member = members.first().map(file).unwrap_or_default();
    let own = std::env::current_exe().map_or_else(|_| "outrigger".to_owned(), |path| path.display().to_string());
    text.push_str(&format!(
        "
Try, in another terminal:
  export KUBECONFIG={hub}
  kubectl get clusters
  kubectl -n velero get backup nightly -o yaml
  kubectl get resourcebindings,works -A
  {own} explain backupstoragelocation/default -n velero --cluster east
  kubectl --kubeconfig {member} -n velero get bsl default -o jsonpath='{{.spec.objectStorage.prefix}}'
  {own} addon list

Velero in the members is simulated. The agent of edge logs to {}.
Ctrl-C stops it all; {} stays.",
        directory.join(AGENT_LOG).display(),
        directory.display()
    ));
    text
}
