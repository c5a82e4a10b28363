//! [`RbacIndex`]: roles and bindings by what a request has to look up.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use outrigger_object::{Object, ObjectRef, Selector};
use parking_lot::RwLock;
use serde_json::Value;

use super::{Attributes, Decision, GROUP, Rule, Target};
use crate::User;

type Rules = Arc<[Rule]>;

/// Roles and bindings, indexed. All methods take `&self`; share it between requests.
#[derive(Debug, Default)]
pub struct RbacIndex {
    inner: RwLock<Inner>,
}

/// Keys of namespaces are empty for what holds in the whole cluster.
#[derive(Debug, Default)]
pub(super) struct Inner {
    roles: HashMap<Box<str>, HashMap<Box<str>, Rules>>,
    cluster_roles: BTreeMap<Box<str>, ClusterRole>,
    bindings: HashMap<Box<str>, HashMap<Box<str>, Arc<Binding>>>,
    users: HashMap<Box<str>, Bindings>,
    groups: HashMap<Box<str>, Bindings>,
}

/// The bindings of one subject: namespace → name → binding.
type Bindings = HashMap<Box<str>, BTreeMap<Box<str>, Arc<Binding>>>;

#[derive(Debug)]
struct ClusterRole {
    object: Object,
    own: Rules,
    /// Selectors of the roles whose rules it has beside, or instead of, its own.
    aggregates: Vec<Selector>,
    /// What it grants.
    rules: Rules,
}

#[derive(Debug)]
struct Binding {
    namespace: Box<str>,
    name: Box<str>,
    /// It names a ClusterRole and not a Role of its own namespace.
    cluster_role: bool,
    role: Box<str>,
    subjects: Vec<Subject>,
}

#[derive(Debug)]
enum Subject {
    User(Box<str>),
    Group(Box<str>),
    ServiceAccount { user: Box<str>, shown: Box<str> },
}

impl Subject {
    fn read(value: &Value, namespace: &str) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        match text("kind") {
            "User" => Some(Self::User(name.into())),
            "Group" => Some(Self::Group(name.into())),
            "ServiceAccount" => {
                let own = text("namespace");
                let namespace = if own.is_empty() { namespace } else { own };
                (!namespace.is_empty()).then(|| Self::ServiceAccount {
                    user: format!("system:serviceaccount:{namespace}:{name}").into(),
                    shown: format!("{name}/{namespace}").into(),
                })
            }
            _ => None,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::User(name) => format!("User {name:?}"),
            Self::Group(name) => format!("Group {name:?}"),
            Self::ServiceAccount { shown, .. } => format!("ServiceAccount {shown:?}"),
        }
    }

    fn is(&self, user: &User) -> bool {
        match self {
            Self::User(name) => **name == *user.name,
            Self::ServiceAccount { user: name, .. } => **name == *user.name,
            Self::Group(name) => user.is_in(name),
        }
    }
}

impl Binding {
    fn read(object: &Object) -> Option<Self> {
        let cluster_role = match object.str(&["roleRef", "kind"])? {
            "ClusterRole" => true,
            "Role" => false,
            _ => return None,
        };
        let subjects = object.get(&["subjects"]).and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            namespace: object.namespace().into(),
            name: object.name().into(),
            cluster_role,
            role: object.str(&["roleRef", "name"])?.into(),
            subjects: subjects.filter_map(|value| Subject::read(value, object.namespace())).collect(),
        })
    }

    fn describe(&self, user: &User) -> String {
        let (kind, name) = match &*self.namespace {
            "" => ("ClusterRoleBinding", self.name.to_string()),
            namespace => ("RoleBinding", format!("{}/{namespace}", self.name)),
        };
        let role = if self.cluster_role { "ClusterRole" } else { "Role" };
        let subject = self.subjects.iter().find(|subject| subject.is(user)).map(Subject::describe);
        format!("{kind} {name:?} of {role} {:?} to {}", self.role, subject.unwrap_or_default())
    }
}

/// The rules of a role; those that cannot be read grant nothing.
pub(super) fn read_rules(object: &Object) -> Vec<Rule> {
    let rules = object.get(&["rules"]).and_then(Value::as_array).into_iter().flatten();
    rules.filter_map(|rule| serde_json::from_value(rule.clone()).ok()).collect()
}

fn read_aggregates(object: &Object) -> Vec<Selector> {
    let selectors = object.get(&["aggregationRule", "clusterRoleSelectors"]).and_then(Value::as_array);
    selectors.into_iter().flatten().filter_map(|selector| Selector::from_json(selector).ok()).collect()
}

impl RbacIndex {
    /// Knows of no role.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a role or a binding as it now is; other objects are ignored.
    pub fn apply(&self, object: &Object) {
        if object.gvk().group != GROUP {
            return;
        }
        let (namespace, name) = (object.namespace(), object.name());
        let mut inner = self.inner.write();
        match object.kind() {
            "Role" => {
                inner.roles.entry(namespace.into()).or_default().insert(name.into(), read_rules(object).into());
            }
            "ClusterRole" => {
                let own: Rules = read_rules(object).into();
                let role = ClusterRole {
                    object: object.clone(),
                    rules: own.clone(),
                    own,
                    aggregates: read_aggregates(object),
                };
                inner.cluster_roles.insert(name.into(), role);
                inner.aggregate();
            }
            "RoleBinding" | "ClusterRoleBinding" => {
                inner.unbind(namespace, name);
                if let Some(binding) = Binding::read(object) {
                    inner.bind(Arc::new(binding));
                }
            }
            _ => {}
        }
    }

    /// Forgets a role or a binding that is gone.
    pub fn remove(&self, reference: &ObjectRef) {
        if reference.gvk.group != GROUP {
            return;
        }
        let (namespace, name) = (reference.key.namespace.as_str(), reference.key.name.as_str());
        let mut inner = self.inner.write();
        match reference.gvk.kind.as_str() {
            "Role" => {
                if let Some(roles) = inner.roles.get_mut(namespace) {
                    roles.remove(name);
                    if roles.is_empty() {
                        inner.roles.remove(namespace);
                    }
                }
            }
            "ClusterRole" => {
                inner.cluster_roles.remove(name);
                inner.aggregate();
            }
            "RoleBinding" | "ClusterRoleBinding" => inner.unbind(namespace, name),
            _ => {}
        }
    }

    /// Whether a user may do something.
    pub fn decide(&self, user: &User, attributes: &Attributes<'_>) -> Decision {
        if user.is_in(User::MASTERS) {
            return Decision { allowed: true, reason: format!("member of group {:?}", User::MASTERS) };
        }
        let namespace = match attributes.target {
            Target::Resource { namespace, .. } => namespace,
            Target::Path(_) => "",
        };
        let inner = self.inner.read();
        let allowing = inner.bindings_of(user, namespace).find(|binding| {
            inner.rules_of(binding).is_some_and(|rules| rules.iter().any(|rule| rule.allows(attributes)))
        });
        match allowing {
            Some(binding) => Decision { allowed: true, reason: format!("RBAC: allowed by {}", binding.describe(user)) },
            None => Decision { allowed: false, reason: attributes.denial(user) },
        }
    }

    /// All rules that hold for a user in a namespace; with an empty one, in the whole cluster.
    pub fn rules_for(&self, user: &User, namespace: &str) -> Vec<Rule> {
        if user.is_in(User::MASTERS) {
            let all = || vec!["*".to_owned()];
            let resources = Rule { api_groups: all(), resources: all(), verbs: all(), ..Rule::default() };
            return vec![resources, Rule { non_resource_urls: all(), verbs: all(), ..Rule::default() }];
        }
        let inner = self.inner.read();
        let rules = inner.bindings_of(user, namespace).filter_map(|binding| inner.rules_of(binding));
        rules.flat_map(|rules| rules.iter().cloned()).collect()
    }

    /// The rules of a role; for a ClusterRole, with those that it aggregates. `namespace` is empty for
    /// ClusterRoles. None if there is no such role.
    pub fn role(&self, namespace: &str, name: &str) -> Option<Vec<Rule>> {
        let inner = self.inner.read();
        match namespace {
            "" => inner.cluster_roles.get(name).map(|role| role.rules.to_vec()),
            namespace => inner.roles.get(namespace)?.get(name).map(|rules| rules.to_vec()),
        }
    }

    /// ClusterRoles with an aggregation rule whose `rules` are not what they aggregate, with what these
    /// should be; for whoever keeps the objects themselves current.
    pub fn outdated_aggregates(&self) -> Vec<(String, Vec<Rule>)> {
        let inner = self.inner.read();
        let aggregating = inner.cluster_roles.iter().filter(|(_, role)| !role.aggregates.is_empty());
        let outdated = aggregating.filter(|(_, role)| role.own != role.rules);
        outdated.map(|(name, role)| (name.to_string(), role.rules.to_vec())).collect()
    }
}

impl Inner {
    fn bind(&mut self, binding: Arc<Binding>) {
        let (namespace, name) = (&binding.namespace, &binding.name);
        for subject in &binding.subjects {
            let subjects = match subject {
                Subject::User(user) | Subject::ServiceAccount { user, .. } => self.users.entry(user.clone()),
                Subject::Group(group) => self.groups.entry(group.clone()),
            };
            let scope = subjects.or_default().entry(namespace.clone()).or_default();
            scope.insert(name.clone(), binding.clone());
        }
        self.bindings.entry(namespace.clone()).or_default().insert(name.clone(), binding);
    }

    fn unbind(&mut self, namespace: &str, name: &str) {
        let Some(scope) = self.bindings.get_mut(namespace) else { return };
        let Some(binding) = scope.remove(name) else { return };
        if scope.is_empty() {
            self.bindings.remove(namespace);
        }
        for subject in &binding.subjects {
            let (subjects, key) = match subject {
                Subject::User(user) | Subject::ServiceAccount { user, .. } => (&mut self.users, user),
                Subject::Group(group) => (&mut self.groups, group),
            };
            let Some(scopes) = subjects.get_mut(key) else { continue };
            if let Some(scope) = scopes.get_mut(namespace) {
                scope.remove(name);
                if scope.is_empty() {
                    scopes.remove(namespace);
                }
            }
            if scopes.is_empty() {
                subjects.remove(key);
            }
        }
    }

    /// The bindings of a user and its groups: those of the cluster, then those of a namespace.
    fn bindings_of<'a>(&'a self, user: &'a User, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Binding>> {
        let scopes = [Some(""), Some(namespace).filter(|namespace| !namespace.is_empty())];
        scopes.into_iter().flatten().flat_map(move |scope| {
            let own = self.users.get(user.name.as_str());
            let groups = user.groups.iter().filter_map(|group| self.groups.get(group.as_str()));
            own.into_iter().chain(groups).filter_map(move |scopes| scopes.get(scope)).flat_map(BTreeMap::values)
        })
    }

    fn rules_of(&self, binding: &Binding) -> Option<&Rules> {
        if binding.cluster_role {
            self.cluster_roles.get(&binding.role).map(|role| &role.rules)
        } else {
            self.roles.get(&binding.namespace)?.get(&binding.role)
        }
    }

    /// Works out what aggregating ClusterRoles grant. A role that is aggregated may aggregate itself.
    fn aggregate(&mut self) {
        let names: Vec<Box<str>> = self
            .cluster_roles
            .iter()
            .filter(|(_, role)| !role.aggregates.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let mut rules = Vec::new();
            let mut reached = vec![name.clone()];
            let mut next = 0;
            while let Some(role) = reached.get(next).and_then(|name| self.cluster_roles.get(name)) {
                next += 1;
                if role.aggregates.is_empty() {
                    for rule in role.own.iter().filter(|rule| !rules.contains(*rule)).cloned().collect::<Vec<_>>() {
                        rules.push(rule);
                    }
                    continue;
                }
                for (name, other) in &self.cluster_roles {
                    let selected = role.aggregates.iter().any(|selector| selector.matches_object(&other.object));
                    if selected && !reached.contains(name) {
                        reached.push(name.clone());
                    }
                }
            }
            if let Some(role) = self.cluster_roles.get_mut(&name) {
                role.rules = rules.into();
            }
        }
    }
}
