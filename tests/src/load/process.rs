//! CPU time and memory of processes, from /proc.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// What processes have used so far.
pub struct Usage {
    seconds: BTreeMap<u32, f64>,
}

/// What one process used during the run.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Its command's name.
    pub name: String,
    /// CPU seconds during the run.
    pub cpu_seconds: f64,
    /// Memory now, in MiB.
    pub resident_mib: f64,
    /// The most memory that it ever had, in MiB.
    pub peak_mib: f64,
}

impl Usage {
    /// Reads the CPU time of processes.
    pub fn read(pids: &[u32]) -> Result<Self> {
        Ok(Self { seconds: pids.iter().map(|pid| Ok((*pid, cpu_seconds(*pid)?))).collect::<Result<_>>()? })
    }

    /// What they used since.
    pub fn since(&self, pids: &[u32]) -> Result<Vec<Process>> {
        pids.iter()
            .map(|pid| {
                let before = self.seconds.get(pid).copied().unwrap_or_default();
                Ok(Process {
                    pid: *pid,
                    name: fs::read_to_string(format!("/proc/{pid}/comm"))?.trim().to_owned(),
                    cpu_seconds: cpu_seconds(*pid)? - before,
                    resident_mib: memory(*pid, "VmRSS")?,
                    peak_mib: memory(*pid, "VmHWM")?,
                })
            })
            .collect()
    }
}

fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("no process {pid}"))?;
    // Fields are counted behind the name, which may hold spaces; utime and stime are the 14th and 15th of all.
    let (_, fields) = stat.rsplit_once(')').context("unreadable stat")?;
    let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

fn memory(pid: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(name)).with_context(|| format!("no {name}"))?;
    let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1024.0)
}
