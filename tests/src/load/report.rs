//! What was measured, as tables or JSON.

use std::{collections::BTreeMap, time::Duration};

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::{Kind, cluster::Cluster, metrics::Requests, process::Process};

/// All figures of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    kind: String,
    members: Vec<String>,
    /// Objects made at once.
    pub count: usize,
    /// Until the hub had taken them all.
    #[serde(serialize_with = "as_seconds")]
    pub bulk_created: Duration,
    /// Until all were on all members.
    #[serde(serialize_with = "as_seconds")]
    pub bulk_on_members: Duration,
    /// Until the hub showed all sums.
    #[serde(serialize_with = "as_optional_seconds")]
    pub bulk_aggregated: Option<Duration>,
    /// Requests to the hub during that, by verb and resource.
    #[serde(serialize_with = "as_list")]
    pub requests: Requests,
    /// Latency of one object.
    pub latencies: Vec<Quantiles>,
    /// How soon it worked again after a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// What the processes used.
    pub processes: Vec<Process>,
}

/// From the moment of a restart until a new object was where.
#[derive(Debug, Serialize)]
pub struct Restart {
    /// Taken by the hub.
    #[serde(serialize_with = "as_seconds")]
    pub taken: Duration,
    /// On all members.
    #[serde(serialize_with = "as_seconds")]
    pub on_members: Duration,
}

/// Latency of one way, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Quantiles {
    way: String,
    samples: usize,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
}

/// Collects latencies.
pub struct Latency {
    ways: BTreeMap<String, Vec<Duration>>,
}

impl Latency {
    /// For these members.
    pub fn collect(members: &[Cluster]) -> Self {
        Self { ways: members.iter().map(|member| (way(&member.name), Vec::new())).collect() }
    }

    /// One object reached a member.
    pub fn reached_member(&mut self, member: &str, took: Duration) {
        self.ways.entry(way(member)).or_default().push(took);
    }

    /// One status reached the hub.
    pub fn reached_hub(&mut self, took: Duration) {
        self.ways.entry("last member ready -> sum on the hub".to_owned()).or_default().push(took);
    }

    /// Sorts and counts.
    pub fn finish(self) -> Vec<Quantiles> {
        let quantiles = |(way, mut samples): (String, Vec<Duration>)| {
            samples.sort();
            let at = |part: usize| {
                let index = (samples.len() * part / 100).min(samples.len().saturating_sub(1));
                samples.get(index).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
            };
            Quantiles { way, samples: samples.len(), p50_ms: at(50), p95_ms: at(95), p99_ms: at(99) }
        };
        self.ways.into_iter().filter(|(_, samples)| !samples.is_empty()).map(quantiles).collect()
    }
}

fn way(member: &str) -> String {
    format!("create on the hub -> on {member}")
}

impl Report {
    /// An empty report.
    pub fn new(kind: Kind, members: &[Cluster]) -> Self {
        Self {
            kind: kind.resource().kind,
            members: members.iter().map(|member| member.name.clone()).collect(),
            count: 0,
            bulk_created: Duration::ZERO,
            bulk_on_members: Duration::ZERO,
            bulk_aggregated: None,
            requests: Requests::new(),
            latencies: Vec::new(),
            restart: None,
            processes: Vec::new(),
        }
    }

    /// Prints tables.
    pub fn print(&self) {
        println!("{} {}s to {}:", self.count, self.kind, self.members.join(", "));
        println!("  taken by the hub after   {:8.3} s", self.bulk_created.as_secs_f64());
        println!("  on all members after     {:8.3} s", self.bulk_on_members.as_secs_f64());
        if let Some(aggregated) = self.bulk_aggregated {
            println!("  sums on the hub after    {:8.3} s", aggregated.as_secs_f64());
        }
        if let Some(restart) = &self.restart {
            println!("  after a restart, a new object is taken after {:.3} s,", restart.taken.as_secs_f64());
            println!("  and on all members after {:.3} s", restart.on_members.as_secs_f64());
        }
        let mut table = table(&["one object", "samples", "p50 ms", "p95 ms", "p99 ms"]);
        for one in &self.latencies {
            let number = |ms: f64| format!("{ms:.1}");
            let samples = one.samples.to_string();
            table.add_row([&one.way, &samples, &number(one.p50_ms), &number(one.p95_ms), &number(one.p99_ms)]);
        }
        println!("\n{table}");
        if !self.requests.is_empty() {
            let mut table = crate::report::table(&["hub requests", "resource", "total", "per object"]);
            let mut sum = 0.0;
            for ((verb, resource), count) in &self.requests {
                table.add_row([verb, resource, &format!("{count}"), &self.per_object(*count)]);
                sum += count;
            }
            table.add_row(["all", "", &format!("{sum}"), &self.per_object(sum)]);
            println!("\n{table}");
        }
        if !self.processes.is_empty() {
            let mut table = crate::report::table(&["pid", "command", "CPU s", "memory MiB", "peak MiB"]);
            for one in &self.processes {
                let number = |value: f64| format!("{value:.1}");
                let pid = one.pid.to_string();
                table.add_row([
                    &pid,
                    &one.name,
                    &number(one.cpu_seconds),
                    &number(one.resident_mib),
                    &number(one.peak_mib),
                ]);
            }
            println!("\n{table}");
        }
    }

    fn per_object(&self, count: f64) -> String {
        let objects = u32::try_from(self.count.max(1)).map_or(f64::MAX, f64::from);
        format!("{:.2}", count / objects)
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn as_seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}

fn as_optional_seconds<S: serde::Serializer>(took: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    took.map(|took| took.as_secs_f64()).serialize(serializer)
}

fn as_list<S: serde::Serializer>(requests: &Requests, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(requests.iter().map(|((verb, resource), count)| (format!("{verb} {resource}"), count)))
}
