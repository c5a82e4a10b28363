//! [`pod_references`]: what a pod mounts, reads and runs as.

use std::collections::BTreeSet;

use crate::{Cursor, Error};

/// Where the spec of a volume names a Secret.
const VOLUME_SECRETS: [&[&str]; 10] = [
    &["secret", "secretName"],
    &["azureFile", "secretName"],
    &["cephfs", "secretRef", "name"],
    &["cinder", "secretRef", "name"],
    &["flexVolume", "secretRef", "name"],
    &["rbd", "secretRef", "name"],
    &["scaleIO", "secretRef", "name"],
    &["iscsi", "secretRef", "name"],
    &["storageos", "secretRef", "name"],
    &["csi", "nodePublishSecretRef", "name"],
];

type Names<'v> = BTreeSet<(&'static str, &'v str)>;

/// The ConfigMaps, Secrets, PersistentVolumeClaims and the ServiceAccount that a pod spec names, as kind and
/// name, sorted. The account `default` is there anyway. Fails when a field has a wrong type, with its path.
pub fn pod_references<'v>(spec: &Cursor<'v, '_>) -> Result<Names<'v>, Error> {
    let mut names = Names::new();
    let account = spec.str(&["serviceAccountName"])?.filter(|name| *name != "default");
    add(&mut names, "ServiceAccount", account);
    for secret in spec.items(&["imagePullSecrets"])? {
        add(&mut names, "Secret", secret.str(&["name"])?);
    }
    for containers in [["containers"], ["initContainers"], ["ephemeralContainers"]] {
        for container in spec.items(&containers)? {
            for source in container.items(&["envFrom"])? {
                add(&mut names, "ConfigMap", source.str(&["configMapRef", "name"])?);
                add(&mut names, "Secret", source.str(&["secretRef", "name"])?);
            }
            for variable in container.items(&["env"])? {
                let from = variable.at(&["valueFrom"])?;
                if from.is_present() {
                    add(&mut names, "ConfigMap", from.str(&["configMapKeyRef", "name"])?);
                    add(&mut names, "Secret", from.str(&["secretKeyRef", "name"])?);
                }
            }
        }
    }
    for volume in spec.items(&["volumes"])? {
        add(&mut names, "ConfigMap", volume.str(&["configMap", "name"])?);
        add(&mut names, "PersistentVolumeClaim", volume.str(&["persistentVolumeClaim", "claimName"])?);
        for path in VOLUME_SECRETS {
            add(&mut names, "Secret", volume.str(path)?);
        }
        for source in volume.items(&["projected", "sources"])? {
            add(&mut names, "ConfigMap", source.str(&["configMap", "name"])?);
            add(&mut names, "Secret", source.str(&["secret", "name"])?);
        }
    }
    Ok(names)
}

fn add<'v>(names: &mut Names<'v>, kind: &'static str, name: Option<&'v str>) {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        names.insert((kind, name));
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case(json!({"serviceAccountName": "default", "imagePullSecrets": [{"name": "pull"}, {"name": ""}]}), "Secret/pull")]
    #[case(
        json!({"serviceAccountName": "web", "initContainers": [{"envFrom": [{"configMapRef": {"name": "env"}}]}],
            "containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "key"}}}, {"value": "x"}]}]}),
        "ConfigMap/env Secret/key ServiceAccount/web")]
    #[case(
        json!({"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}, {"csi": {"nodePublishSecretRef": {"name": "s"}}},
            {"projected": {"sources": [{"configMap": {"name": "a"}}, {"secret": {"name": "b"}}]}}]}),
        "ConfigMap/a PersistentVolumeClaim/data Secret/b Secret/s")]
    #[case(json!({"volumes": [7]}), "volumes[0]: expected an object, found a number")]
    fn names(#[case] spec: Value, #[case] expected: &str) {
        let names = match pod_references(&Cursor::of_value(&spec)) {
            Ok(names) => names.iter().map(|(kind, name)| format!("{kind}/{name}")).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(names, expected);
    }
}
