//! `explain`: what a template becomes in one cluster, step by step, and why.
//!
//! The steps are made by the code of the control plane's own controllers, from what the control plane has now;
//! nothing is written.

use anyhow::{Result, anyhow, bail};
use clap::Args;
use outrigger_api::{names, work::Work};
use outrigger_controllers::{By, Explanation, FieldChange, Inputs, TraceStep};
use outrigger_object::{Object, ObjectKey, Resource};
use outrigger_runtime::ListParams;
use serde::Serialize;
use serde_json::Value;

use crate::{
    addon,
    cli::{Hub, Output},
    cluster::kinds,
    connect::{self, Connection},
    engine,
    interpreter::live,
    output,
};

/// Show what becomes of a template in a cluster, and why.
///
/// Its replicas, what its interpreter and the templates of addons write for the cluster, and every override
/// policy that touches it, in the order in which they apply, with the fields that each has changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Why does edge have this image?
  outrigger explain deployment/web -n shop --cluster edge

  # The prefix under which each cluster writes its backups
  outrigger explain BackupStorageLocation/default -n velero --cluster west

  # The manifest alone
  outrigger explain deployment/web --cluster edge -o json | jq .manifest")]
pub struct Explain {
    /// The template, as TYPE/NAME: `deployment/web`, `Backup.velero.io/nightly`.
    #[arg(value_name = "TYPE/NAME")]
    pub template: String,
    /// The cluster.
    #[arg(long, value_name = "NAME")]
    pub cluster: String,
    /// Namespace of the template.
    #[arg(short, long, default_value = "default")]
    pub namespace: String,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// The control plane.
    #[command(flatten)]
    pub hub: Hub,
}

/// What is printed.
#[derive(Serialize)]
struct Told {
    template: String,
    cluster: String,
    #[serde(flatten)]
    explanation: Explanation,
}

/// Runs `outrigger explain`.
pub async fn run(args: Explain) -> Result<()> {
    let Some((kind, name)) = args.template.split_once('/').filter(|(kind, name)| !kind.is_empty() && !name.is_empty())
    else {
        bail!("{}: it must be TYPE/NAME, such as deployment/web", args.template);
    };
    let connection = connect::hub(&args.hub).await?;
    let resource = live::resource(&connection, kind).await?;
    let key = ObjectKey::new(if resource.namespaced { args.namespace.as_str() } else { "" }, name);
    let template = get(&connection, &resource, &key).await?;
    let template =
        template.ok_or_else(|| anyhow!("there is no {} {key} on {}", resource.gvk.kind, connection.url()))?;
    let (bindings, binding_key) = binding(&resource, &key);
    let Some(binding) = get(&connection, &bindings, &binding_key).await? else {
        bail!(
            "{} {key} is not propagated: no policy selects it; see `kubectl get propagationpolicies,clusterpropagationpolicies -A`",
            resource.gvk.kind
        );
    };
    let clusters = kinds::of::<outrigger_api::cluster::Cluster>();
    let cluster = get(&connection, &clusters, &ObjectKey::new("", args.cluster.as_str())).await?;
    let cluster = cluster.ok_or_else(|| anyhow!("there is no cluster {}: see `kubectl get clusters`", args.cluster))?;
    let works = kinds::of::<Work>();
    let work_name = names::work(&resource.gvk.kind, name, &key.namespace);
    let work_key = ObjectKey::new(names::execution_space(&args.cluster), work_name);
    let work = get(&connection, &works, &work_key).await?;

    let engine = engine::engine(None)?;
    for complaint in live::applied(&connection, &engine).await? {
        eprintln!("{complaint}");
    }
    let tailoring = addon::tailoring(&connection).await?;
    let overrides = overrides(&connection).await?;
    let inputs = Inputs {
        engine: &engine,
        template: &template,
        binding,
        cluster: &cluster,
        overrides: &overrides,
        tailoring: &tailoring,
        work: work.as_ref(),
        has_status: resource.has_status,
    };
    let explanation = outrigger_controllers::explain(inputs).map_err(|message| anyhow!(message))?;
    let told = Told { template: format!("{} {key}", resource.gvk.kind), cluster: args.cluster.clone(), explanation };
    output::print(args.output, &told, text)
}

fn binding(template: &Resource, key: &ObjectKey) -> (Resource, ObjectKey) {
    let name = names::binding(&template.gvk.kind, &key.name);
    let kind = if template.namespaced {
        kinds::of::<outrigger_api::work::ResourceBinding>()
    } else {
        kinds::of::<outrigger_api::work::ClusterResourceBinding>()
    };
    (kind, ObjectKey::new(key.namespace.as_str(), name))
}

async fn overrides(connection: &Connection) -> Result<Vec<Object>> {
    let mut all = Vec::new();
    for (resource, kind) in [
        (kinds::of::<outrigger_api::policy::OverridePolicy>(), "OverridePolicy"),
        (kinds::of::<outrigger_api::policy::ClusterOverridePolicy>(), "ClusterOverridePolicy"),
    ] {
        let list = connection.client.list(&resource, None, &ListParams::default()).await;
        for mut object in list.map_err(|error| connect::explain(error, connection))?.items {
            // Items of a list need not say what they are.
            object.set(&["kind"], kind);
            all.push(object);
        }
    }
    Ok(all)
}

async fn get(connection: &Connection, resource: &Resource, key: &ObjectKey) -> Result<Option<Object>> {
    connection.client.get_opt(resource, key).await.map_err(|error| connect::explain(error, connection))
}

/// The steps, for people.
fn text(told: &Told) -> String {
    let Told { template, cluster, explanation } = told;
    if !explanation.placed {
        return format!(
            "{template} does not go to cluster {cluster}: its binding names other clusters\n\
             see the binding's status.conditions and the placement of its policy for why"
        );
    }
    let mut text = format!("{template} in cluster {cluster}\n");
    for (number, step) in explanation.steps.iter().enumerate() {
        text.push_str(&format!("\n{}. {}\n", number + 1, title(&step.by)));
        if step.changes.is_empty() {
            text.push_str("   changes nothing\n");
        }
        for change in &step.changes {
            text.push_str(&format!("   {}{}\n", line(change), expression(step, change)));
        }
    }
    if let Some(failure) = &explanation.failure {
        text.push_str(&format!("\nIt ends here: {failure}\nThe cluster keeps what it has.\n"));
    } else if explanation.differs.is_empty() {
        text.push_str("\nThe Work for the cluster holds this.\n");
    } else {
        text.push_str("\nThe Work for the cluster still differs (from what it holds, to what it will):\n");
        for change in &explanation.differs {
            text.push_str(&format!("   {}\n", line(change)));
        }
    }
    text
}

fn title(by: &By) -> String {
    match by {
        By::Replicas { replicas, interpreter } => format!("replicas: {replicas}, written by {interpreter}"),
        By::Completions => "the cluster's share of the completions".to_owned(),
        By::Interpreter { interpreter } => format!("interpreter {interpreter}"),
        By::Addon { addon, .. } => format!("template of the addon {addon}"),
        By::Override { kind, policy, rule } => format!("{kind} {policy}, rule {}", rule + 1),
        By::Marks => "marks of the control plane; fields that belong to it are left out".to_owned(),
    }
}

fn line(change: &FieldChange) -> String {
    let short = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(value) => {
            let text = value.to_string();
            match text.char_indices().nth(120) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    };
    format!("{}: {} → {}", change.path, short(&change.before), short(&change.after))
}

fn expression(step: &TraceStep, change: &FieldChange) -> String {
    let By::Addon { expressions, .. } = &step.by else { return String::new() };
    let found = expressions.iter().find(|(path, _)| *path == change.path);
    found.map(|(_, expression)| format!("   ({expression})")).unwrap_or_default()
}
