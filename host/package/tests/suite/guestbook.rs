//! A small addon that tests pack.

use std::collections::BTreeMap;

use bytes::Bytes;
use outrigger_package::{Limits, Package};

const MANIFEST: &str = "name: guestbook
description: Guestbooks.
versions: {addon: 1.2.0, manifest: 1}
kinds:
- {apiVersion: example.com/v1, kind: Guestbook, operations: [InterpretHealth]}
crds:
- {name: guestbooks.example.com, versions: [v1], file: crds/guestbooks.yaml, owned: true}
hub: [policies/everywhere.yaml]
members:
- {name: settings, files: [members/settings.yaml]}
";

const CRD: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: guestbooks.example.com}
spec:
  group: example.com
  names: {kind: Guestbook, listKind: GuestbookList, plural: guestbooks, singular: guestbook}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          status: {type: object, properties: {phase: {type: string}}}
";

const INTERPRETER: &str = "apiVersion: interpreters.outrigger.io/v1alpha1
kind: Interpreter
metadata: {name: guestbooks.example.com}
spec:
  target: {apiVersion: example.com/v1, kind: Guestbook}
  health:
  - {when: status.phase == 'Ready', health: Healthy}
";

const CASES: &str = "name: ready
operation: InterpretHealth
observedObj: {apiVersion: example.com/v1, kind: Guestbook, metadata: {name: a}, status: {phase: Ready}}
output: {healthy: true}
";

const POLICY: &str = "apiVersion: policy.karmada.io/v1alpha1
kind: ClusterPropagationPolicy
metadata: {name: guestbooks}
spec:
  resourceSelectors: [{apiVersion: example.com/v1, kind: Guestbook}]
  placement: {}
";

const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: guestbook, namespace: default}
";

/// Its files.
pub fn files() -> BTreeMap<String, Bytes> {
    [
        ("addon.yaml", MANIFEST),
        ("crds/guestbooks.yaml", CRD),
        ("interpreters/guestbook/interpreter.yaml", INTERPRETER),
        ("interpreters/guestbook/cases.yaml", CASES),
        ("policies/everywhere.yaml", POLICY),
        ("members/settings.yaml", SETTINGS),
    ]
    .map(|(path, text)| (path.to_owned(), Bytes::from_static(text.as_bytes())))
    .into()
}

/// The addon as a package.
pub fn package() -> Package {
    Package::from_files(files(), &Limits::default()).unwrap()
}
