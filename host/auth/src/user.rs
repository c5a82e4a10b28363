//! [`User`]: who makes a request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who makes a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Unique name, such as `alice` or `system:serviceaccount:default:web`.
    pub name: String,
    /// Identifier that outlives the name, where the source of the identity has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Groups, `system:authenticated` or `system:unauthenticated` among them.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What else the source of the identity says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The name of whoever shows no credentials.
    pub const ANONYMOUS: &'static str = "system:anonymous";
    /// The group of everyone who has shown credentials.
    pub const AUTHENTICATED: &'static str = "system:authenticated";
    /// The group of everyone who has not.
    pub const UNAUTHENTICATED: &'static str = "system:unauthenticated";
    /// The group that may do everything.
    pub const MASTERS: &'static str = "system:masters";

    /// Whoever shows no credentials.
    pub fn anonymous() -> Self {
        Self { name: Self::ANONYMOUS.to_owned(), groups: vec![Self::UNAUTHENTICATED.to_owned()], ..Self::default() }
    }

    /// A user who has shown credentials; `system:authenticated` is added to the groups.
    pub fn authenticated<G: Into<String>>(name: impl Into<String>, groups: impl IntoIterator<Item = G>) -> Self {
        let mut groups: Vec<String> = groups.into_iter().map(Into::into).collect();
        if !groups.iter().any(|group| group == Self::AUTHENTICATED) {
            groups.push(Self::AUTHENTICATED.to_owned());
        }
        Self { name: name.into(), groups, ..Self::default() }
    }

    /// The control plane itself, which may do everything.
    pub fn system(name: impl Into<String>) -> Self {
        Self::authenticated(name, [Self::MASTERS])
    }

    /// Whether the user is in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}
