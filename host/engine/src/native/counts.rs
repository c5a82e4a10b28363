//! Kinds whose status is a set of numbers: reflected one by one, and summed over the clusters.

use outrigger_interpreter::{Error, StatusItem};
use outrigger_object::{Cursor, Object};
use serde_json::{Map, Value};

use super::Result;

/// The annotation on a member's object that says from which generation of the template it was made.
pub const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";

/// The numbers in the status of a kind.
pub struct Counts {
    /// Names of the fields, and whether a 0 is written out.
    fields: &'static [(&'static str, bool)],
    /// Whether `observedGeneration` is there, and followed.
    generations: bool,
    /// Whether the aggregate replaces the whole status.
    replaces: bool,
}

pub const DEPLOYMENT: Counts = Counts {
    fields: &[
        ("replicas", false),
        ("updatedReplicas", false),
        ("readyReplicas", false),
        ("availableReplicas", false),
        ("unavailableReplicas", false),
    ],
    generations: true,
    replaces: false,
};

pub const REPLICA_SET: Counts = Counts {
    fields: &[("replicas", true), ("readyReplicas", false), ("availableReplicas", false)],
    generations: true,
    replaces: false,
};

pub const STATEFUL_SET: Counts = Counts {
    fields: &[
        ("replicas", true),
        ("readyReplicas", false),
        ("currentReplicas", false),
        ("updatedReplicas", false),
        ("availableReplicas", true),
    ],
    generations: true,
    replaces: false,
};

pub const DAEMON_SET: Counts = Counts {
    fields: &[
        ("currentNumberScheduled", true),
        ("numberMisscheduled", true),
        ("desiredNumberScheduled", true),
        ("numberReady", true),
        ("updatedNumberScheduled", false),
        ("numberAvailable", false),
        ("numberUnavailable", false),
    ],
    generations: true,
    replaces: false,
};

pub const AUTOSCALER: Counts =
    Counts { fields: &[("currentReplicas", false), ("desiredReplicas", true)], generations: false, replaces: true };

impl Counts {
    /// The numbers of a member's object, with its generation and that of the template it was made from.
    /// `null` when it has no status, or one that says nothing.
    pub fn reflect(&self, object: &Object) -> Result<Value> {
        let root = object.cursor();
        let status = root.at(&["status"])?;
        if status.map(&[])?.is_none() {
            return Ok(Value::Null);
        }
        let mut reflected = Map::new();
        for (name, always) in self.fields {
            write(&mut reflected, name, status.int(&[name])?.unwrap_or_default(), *always);
        }
        if self.generations {
            write(
                &mut reflected,
                "observedGeneration",
                status.int(&["observedGeneration"])?.unwrap_or_default(),
                false,
            );
            write(&mut reflected, "generation", object.generation(), false);
            write(&mut reflected, "resourceTemplateGeneration", template_generation(&root)?, false);
        }
        Ok(if reflected.is_empty() { Value::Null } else { Value::Object(reflected) })
    }

    /// The template with the sums over all clusters. `observedGeneration` becomes the template's generation
    /// once every cluster's controller has seen the latest template. Equal numbers leave it untouched.
    pub fn aggregate(&self, mut template: Object, items: &[StatusItem]) -> Result<Object> {
        let mut sums = [0_i64; 8];
        let mut up_to_date = 0;
        let generation = template.generation();
        for item in statuses(items) {
            let (cluster, status) = item;
            let member = Cursor::of_value(status);
            for ((name, _), sum) in self.fields.iter().zip(&mut sums) {
                *sum = sum.saturating_add(int(&member, name, cluster)?);
            }
            if self.generations && has_seen(&member, generation, cluster)? {
                up_to_date += 1;
            }
        }
        let root = template.cursor();
        let old = root.at(&["status"])?;
        let mut equal = true;
        for ((name, _), sum) in self.fields.iter().zip(&sums) {
            equal &= old.int(&[name])?.unwrap_or_default() == *sum;
        }
        let observed = old.int(&["observedGeneration"])?.unwrap_or_default();
        let observed_now = if up_to_date == items.len() { generation } else { observed };
        if equal && (!self.generations || observed == observed_now) {
            return Ok(template);
        }
        let mut status = match template.0.remove("status") {
            Some(Value::Object(status)) if !self.replaces => status,
            _ => Map::new(),
        };
        for ((name, always), sum) in self.fields.iter().zip(&sums) {
            write(&mut status, name, *sum, *always);
        }
        if self.generations {
            write(&mut status, "observedGeneration", observed_now, false);
        }
        template.0.insert("status".to_owned(), Value::Object(status));
        Ok(template)
    }
}

/// Whether a member's controller has seen an object that was made from this generation of the template.
pub fn has_seen(member: &Cursor, generation: i64, cluster: &str) -> Result<bool> {
    Ok(int(member, "observedGeneration", cluster)? >= int(member, "generation", cluster)?
        && int(member, "resourceTemplateGeneration", cluster)? >= generation)
}

/// The number in [`TEMPLATE_GENERATION`], 0 when the annotation is missing.
pub fn template_generation(root: &Cursor) -> Result<i64> {
    let path = &["metadata", "annotations", TEMPLATE_GENERATION];
    match root.str(path)? {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| root.invalid(path, format!("{text:?} is not a whole number")).into()),
    }
}

/// The statuses that clusters have reported, with the clusters' names.
pub fn statuses(items: &[StatusItem]) -> impl Iterator<Item = (&str, &Value)> {
    items.iter().filter_map(|item| {
        let status = item.status.as_ref().filter(|status| !status.is_null())?;
        Some((item.cluster_name.as_str(), status))
    })
}

/// An integer in a cluster's status, 0 when it is missing; an error names the cluster.
pub fn int(member: &Cursor, name: &str, cluster: &str) -> Result<i64> {
    Ok(member.int(&[name]).map_err(|error| of_cluster(cluster, error))?.unwrap_or_default())
}

/// An error in what a cluster has reported.
pub fn of_cluster(cluster: &str, error: outrigger_object::Error) -> Error {
    Error::invalid(format_args!("the status from cluster {cluster}: {error}"))
}

/// Writes a number, or removes it when it is 0 and a 0 is not written out.
pub fn write(map: &mut Map<String, Value>, name: &str, value: i64, always: bool) {
    if always || value != 0 {
        map.insert(name.to_owned(), value.into());
    } else {
        map.remove(name);
    }
}
