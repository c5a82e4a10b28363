//! The text of an interpreter, with comments where its author should look.

use std::fmt::Write;

use super::{
    head,
    infer::{Combine, Inferred, Part, Phase, Pod, Reference},
    name,
};
use crate::definitions::{Definition, Version};

/// Writes an interpreter. Writing to a string does not fail.
pub fn interpreter(definition: &Definition, version: &Version, inferred: &Inferred) -> String {
    let Definition { group, kind, .. } = definition;
    let mut text = format!(
        "# {kind}, as far as its CustomResourceDefinition tells. Check each block; leave out those that say nothing\n\
         # of the kind: an operation without a block is left to the generic rules.\n"
    );
    for (key, value) in head() {
        let _ = writeln!(text, "{key}: {value}");
    }
    let _ = writeln!(text, "metadata:\n  name: {}\nspec:", name(definition));
    let _ = writeln!(text, "  target: {{apiVersion: {group}/{}, kind: {kind}}}", version.name);
    write_replicas(&mut text, inferred);
    write_components(&mut text, inferred);
    if let Some(path) = &inferred.replicas {
        let _ = writeln!(text, "  reviseReplica: {{path: {}}}", quoted(path));
    }
    if inferred.keep_status {
        text.push_str(
            "  # Without a status subresource, the member's controller writes the status into the object itself.\n",
        );
        text.push_str("  retain:\n    paths: [status]\n");
    }
    write_aggregation(&mut text, inferred);
    write_dependencies(&mut text, inferred);
    write_status(&mut text, inferred);
    write_health(&mut text, inferred);
    text
}

fn write_replicas(text: &mut String, inferred: &Inferred) {
    let Some(path) = &inferred.replicas else {
        if let Some(pod) = &inferred.pod {
            let _ = writeln!(
                text,
                "  # One pod, by its form.\n  replicas: {{value: 1, {}: {}}}",
                pod.key(),
                quoted(pod.path())
            );
        } else if !inferred.parts.is_empty() {
            text.push_str("  replicas: {ofComponents: true}\n");
        }
        return;
    };
    let mut parts = vec![format!("path: {}", quoted(path))];
    // An API server has filled the field in; elsewhere a workload without a number means one.
    let default = inferred.default_replicas.unwrap_or(1);
    parts.push(format!("default: {default}"));
    parts.extend(inferred.pod.as_ref().map(|pod| format!("{}: {}", pod.key(), quoted(pod.path()))));
    let _ = writeln!(text, "  replicas: {{{}}}", parts.join(", "));
}

fn write_components(text: &mut String, inferred: &Inferred) {
    if inferred.parts.is_empty() {
        return;
    }
    text.push_str("  components:\n");
    for part in &inferred.parts {
        let Part { owner, repeated, name, replicas, pod } = part;
        let short = owner.rsplit('.').next().unwrap_or(owner);
        let mut fields = Vec::new();
        match (repeated, name) {
            (false, _) => fields.extend([format!("name: {}", short), format!("of: {}", quoted(owner))]),
            (true, Some(field)) => {
                fields.extend([
                    format!("each: {}", quoted(owner)),
                    format!("name: {field}"),
                    format!("namePrefix: {short}-"),
                ]);
            }
            (true, None) => fields.push(format!("each: {}", quoted(owner))),
        }
        fields.extend(replicas.as_ref().map(|field| format!("replicas: {field}")));
        fields.push(format!("{}: {}", pod.key(), quoted(pod.path())));
        let _ = writeln!(text, "  - {{{}}}", fields.join(", "));
    }
}

fn write_aggregation(text: &mut String, inferred: &Inferred) {
    if inferred.fields.is_empty() {
        return;
    }
    text.push_str("  aggregateStatus:\n    fields:\n");
    for (field, combine) in &inferred.fields {
        let path = quoted(field);
        let _ = match combine {
            Combine::ObservedGeneration => writeln!(text, "    - {{path: {path}, op: observedGeneration}}"),
            Combine::Conditions => writeln!(
                text,
                "    # By type, as good as the worst. Name those under `negative` that are bad when True.\n    \
                 - {{path: {path}, op: mergeConditions}}"
            ),
            Combine::Worst(order, along) => {
                let along = if along.is_empty() { String::new() } else { format!(", along: [{}]", along.join(", ")) };
                let order: Vec<String> = order.iter().map(|value| quoted(value)).collect();
                writeln!(
                    text,
                    "    # Worst first, by the sound of the words.\n    \
                     - {{path: {path}, op: worst, order: [{}]{along}}}",
                    order.join(", ")
                )
            }
            Combine::Op(op) => writeln!(text, "    - {{path: {path}, op: {op}}}"),
        };
    }
    if !inferred.left.is_empty() {
        let _ =
            writeln!(text, "    # Left out, since no convention tells how they combine: {}.", inferred.left.join(", "));
    }
}

fn write_dependencies(text: &mut String, inferred: &Inferred) {
    let repeated = |part: &Part| if part.repeated { format!("{}[*]", part.owner) } else { part.owner.clone() };
    let parts = inferred.parts.iter().filter(|part| !part.repeated || part.name.is_some());
    let pods: Vec<(&str, String)> = inferred
        .pod
        .iter()
        .map(|pod| (pod.key(), pod.path().to_owned()))
        .chain(parts.map(|part| (part.pod.key(), format!("{}.{}", repeated(part), part.pod.path()))))
        .collect();
    if pods.is_empty() && inferred.references.is_empty() {
        return;
    }
    text.push_str("  dependencies:\n");
    for (key, path) in pods {
        let _ = writeln!(text, "  - {key}: {}", quoted(&path));
    }
    for Reference { kind, name, namespace } in &inferred.references {
        let namespace = namespace.as_ref().map(|path| format!(", namespace: {}", quoted(path))).unwrap_or_default();
        let _ = writeln!(text, "  - {{apiVersion: v1, kind: {kind}, name: {}{namespace}}}", quoted(name));
    }
}

fn write_status(text: &mut String, inferred: &Inferred) {
    if inferred.fields.is_empty() {
        return;
    }
    let mut paths = Vec::new();
    for (field, combine) in &inferred.fields {
        paths.push(field.clone());
        if let Combine::Worst(_, along) = combine {
            paths.extend(along.iter().cloned());
        }
    }
    let _ = writeln!(text, "  status:\n    paths: [{}]", paths.join(", "));
    if inferred.observed_generation {
        text.push_str("    generations: true\n");
    }
}

fn write_health(text: &mut String, inferred: &Inferred) {
    let tells = inferred.condition.is_some() || inferred.phase.is_some() || inferred.ready.is_some();
    if !tells {
        text.push_str("  # Nothing in the schema tells of health, so that is left to the generic rules.\n");
        return;
    }
    text.push_str("  health:\n");
    if inferred.observed_generation {
        text.push_str(
            "  - when: status.observedGeneration < metadata.generation\n    health: Unhealthy\n    reason: Progressing\n    \
             message: the controller has not seen the last change\n",
        );
    }
    let phase = inferred.phase.as_ref();
    if let Some(Phase { field, bad, .. }) = phase.filter(|phase| !phase.bad.is_empty()) {
        let _ =
            writeln!(text, "  - when: status.{field} in {}\n    health: Unhealthy\n    reason: Degraded", listed(bad));
        if inferred.message {
            text.push_str("    messageFrom: status.message\n");
        }
    }
    if let Some((condition, printed)) = &inferred.condition {
        if !printed {
            text.push_str("  # The definition does not name its conditions; this is what most call it.\n");
        }
        let _ = writeln!(text, "  - {{condition: {{type: {condition}, status: \"False\"}}, health: Unhealthy}}");
        let _ = writeln!(text, "  - {{condition: {{type: {condition}}}, health: Healthy}}");
    } else if let Some(Phase { field, good, .. }) = phase.filter(|phase| !phase.good.is_empty()) {
        let _ = writeln!(text, "  - when: status.{field} in {}\n    health: Healthy", listed(good));
    } else if let (Some(ready), Some(path)) = (&inferred.ready, &inferred.replicas) {
        let below = path.strip_prefix("spec.").unwrap_or(path);
        let _ = writeln!(
            text,
            "  - when: status.{ready} >= spec.get('{below}', {})\n    health: Healthy",
            inferred.default_replicas.unwrap_or(1)
        );
    }
    text.push_str("  - {health: Unhealthy, reason: Progressing}\n");
}

/// A list in CEL.
fn listed(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    format!("[{}]", values.join(", "))
}

/// A scalar for a flow mapping: plain where YAML reads it as the same text.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if word { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

impl Pod {
    /// The pod spec below the template.
    pub(super) fn spec(&self) -> String {
        match self {
            Self::Template(path) => format!("{path}.spec"),
            Self::Spec(path) => path.clone(),
        }
    }
}
