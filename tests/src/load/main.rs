//! Puts load on a control plane that speaks Karmada's API, and measures it from outside.
//!
//! It knows nothing of Outrigger: a plain Kubernetes client makes objects under one policy on the
//! hub and watches them arrive on the members. So it can be pointed at Karmada too.

mod arrivals;
mod cluster;
mod metrics;
mod process;
mod report;

use std::{path::PathBuf, time::Duration, time::Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use futures::{StreamExt, TryStreamExt, stream};

use tokio::time::timeout;

use cluster::Cluster;
use report::{Latency, Report, Restart};

/// After a restart, how long one try to create an object may take.
const LOST: Duration = Duration::from_secs(1);

/// Measures how fast objects reach the members of a control plane, and statuses come back.
#[derive(Parser, Debug)]
#[command(version)]
struct Args {
    /// Kubeconfig of the control plane.
    #[arg(long)]
    hub: PathBuf,
    /// A member: its name on the hub and its kubeconfig. Give one for each.
    #[arg(long = "member", value_name = "NAME=KUBECONFIG", required = true)]
    members: Vec<String>,
    /// What to make.
    #[arg(long, value_enum, default_value_t = Kind::Configmap)]
    kind: Kind,
    /// How many at once, for the time to the last.
    #[arg(long, default_value_t = 500)]
    count: usize,
    /// How many one after the other, for the latency of one.
    #[arg(long, default_value_t = 100)]
    singles: usize,
    /// Creations under way at the same time.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// Processes whose CPU time and peak memory are reported.
    #[arg(long = "pid")]
    pids: Vec<u32>,
    /// Seconds after which it gives up.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// A shell command that kills the control plane and starts it again, and returns meanwhile. It is run
    /// when all is in place, and the time from then until a new object is on all members is measured.
    #[arg(long, value_name = "COMMAND")]
    restart: Option<String>,
    /// Leave the objects there.
    #[arg(long)]
    keep: bool,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// ConfigMaps: no status comes back.
    Configmap,
    /// Deployments: the command itself makes them ready on the members, and waits for the sum.
    Deployment,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let report = timeout(Duration::from_secs(args.timeout), run(&args))
        .await
        .with_context(|| format!("gave up after {} s; objects did not arrive everywhere", args.timeout))??;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    Ok(())
}

async fn run(args: &Args) -> Result<Report> {
    let hub = Cluster::connect("hub", &args.hub).await?;
    let mut members = Vec::new();
    for member in &args.members {
        let Some((name, path)) = member.split_once('=') else {
            bail!("--member {member}: expected NAME=KUBECONFIG");
        };
        members.push(Cluster::connect(name, &PathBuf::from(path)).await?);
    }
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let namespace = format!("load-{}", std::process::id());
    hub.create_namespace(&namespace).await?;
    hub.create_policy(&namespace, args.kind, &names).await?;

    let result = measure(args, &hub, &members, &namespace).await;
    if !args.keep {
        hub.delete_namespace(&namespace).await?;
    }
    result
}

async fn measure(args: &Args, hub: &Cluster, members: &[Cluster], namespace: &str) -> Result<Report> {
    let arrivals = arrivals::Arrivals::watch(hub, members, args.kind, namespace).await?;
    let mut report = Report::new(args.kind, members);
    let processes = process::Usage::read(&args.pids)?;
    let requests = metrics::requests(hub).await;

    let start = Instant::now();
    let created: Vec<Instant> = stream::iter(0..args.count)
        .map(|index| async move {
            let before = Instant::now();
            hub.create(args.kind, namespace, &bulk(index)).await.map(|()| before)
        })
        .buffered(args.concurrency)
        .try_collect()
        .await?;
    report.bulk_created = start.elapsed();
    for (index, _) in created.iter().enumerate() {
        arrivals.everywhere(&bulk(index)).await?;
    }
    report.bulk_on_members = start.elapsed();
    if args.kind == Kind::Deployment {
        for index in 0..args.count {
            arrivals.aggregated(&bulk(index)).await?;
        }
        report.bulk_aggregated = Some(start.elapsed());
    }
    report.count = args.count;
    report.requests = metrics::difference(&requests, &metrics::requests(hub).await);

    let mut latencies = Latency::collect(members);
    for index in 0..args.singles {
        let name = format!("single-{index}");
        let before = Instant::now();
        hub.create(args.kind, namespace, &name).await?;
        for (member, at) in arrivals.everywhere(&name).await? {
            latencies.reached_member(&member, at.duration_since(before));
        }
        if args.kind == Kind::Deployment {
            let (ready, shown) = arrivals.aggregated(&name).await?;
            latencies.reached_hub(shown.duration_since(ready));
        }
    }
    report.latencies = latencies.finish();
    report.processes = processes.since(&args.pids)?;
    if let Some(command) = &args.restart {
        report.restart = Some(restart(args, command, hub, namespace, &arrivals).await?);
    }
    Ok(report)
}

/// Runs the command, and makes one object as soon as the hub takes it.
async fn restart(
    args: &Args,
    command: &str,
    hub: &Cluster,
    namespace: &str,
    arrivals: &arrivals::Arrivals,
) -> Result<Restart> {
    let start = Instant::now();
    let ended = tokio::process::Command::new("sh").args(["-c", command]).status().await?;
    if !ended.success() {
        bail!("--restart: {command:?} ended with {ended}");
    }
    let name = "after-restart";
    // A request may have been lost with the process that took it, with its answer or before it came to anything.
    while !matches!(timeout(LOST, hub.create_once(args.kind, namespace, name)).await, Ok(Ok(()))) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let taken = start.elapsed();
    arrivals.everywhere(name).await?;
    Ok(Restart { taken, on_members: start.elapsed() })
}

fn bulk(index: usize) -> String {
    format!("bulk-{index}")
}
