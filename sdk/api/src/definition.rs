//! What a kind is to the API server: its names, scope and columns, and the CRD made from them.
//!
//! The `api_kind!` macro declares a kind once; the struct, its `kube` traits and its CRD come from
//! that one place, so that they cannot disagree.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresourceStatus,
    CustomResourceSubresources, CustomResourceValidation, JSONSchemaProps,
};
use kube::api::ObjectMeta;
use schemars::JsonSchema;

use crate::schema;

/// Category of all kinds here: `kubectl get karmada-io` lists them. Karmada gives it to all but Cluster,
/// which has none there because no CRD stands behind it.
pub const CATEGORY: &str = "karmada-io";

/// A column of `kubectl get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// Path of the value.
    pub json_path: &'static str,
    /// `string` or `date`.
    pub type_: &'static str,
    /// 0 is always shown, 1 with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// A column of text.
    pub const fn string(name: &'static str, json_path: &'static str) -> Self {
        Self { name, json_path, type_: "string", priority: 0 }
    }

    /// A column of text that `-o wide` shows.
    pub const fn wide(name: &'static str, json_path: &'static str) -> Self {
        Self { name, json_path, type_: "string", priority: 1 }
    }

    /// The object's age.
    pub const fn age(name: &'static str) -> Self {
        Self { name, json_path: ".metadata.creationTimestamp", type_: "date", priority: 0 }
    }
}

/// A kind's names, scope and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// API group.
    pub group: &'static str,
    /// The one version that is served and stored.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Plural resource name.
    pub plural: &'static str,
    /// Singular resource name.
    pub singular: &'static str,
    /// Short names for `kubectl`.
    pub short_names: &'static [&'static str],
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether there is a status subresource.
    pub status: bool,
    /// Columns of `kubectl get` after the name.
    pub columns: &'static [Column],
}

/// A kind declared in this crate.
pub trait Kind: JsonSchema {
    /// Names, scope and columns.
    const DEFINITION: Definition;
}

/// The CRD of a kind: one version, served and stored, with the kind's schema.
///
/// The schema is made from types that are compiled in; if one of them could not be said in a CRD the
/// result would carry an empty schema, which the reference test would show.
pub(crate) fn crd<K: Kind>() -> CustomResourceDefinition {
    let d = K::DEFINITION;
    let mut schema = schema::structural::<K>().unwrap_or_default();
    let properties = schema.properties.get_or_insert_default();
    // The API server refuses any word of ours about metadata, even a description.
    properties.insert("metadata".to_owned(), object());
    properties.insert("apiVersion".to_owned(), text("Group and version of this object's schema."));
    properties.insert("kind".to_owned(), text("Kind of this object."));
    CustomResourceDefinition {
        metadata: ObjectMeta { name: Some(format!("{}.{}", d.plural, d.group)), ..ObjectMeta::default() },
        spec: CustomResourceDefinitionSpec {
            group: d.group.to_owned(),
            names: CustomResourceDefinitionNames {
                categories: Some(vec![CATEGORY.to_owned()]),
                kind: d.kind.to_owned(),
                list_kind: Some(format!("{}List", d.kind)),
                plural: d.plural.to_owned(),
                short_names: owned(d.short_names),
                singular: Some(d.singular.to_owned()),
            },
            scope: if d.namespaced { "Namespaced" } else { "Cluster" }.to_owned(),
            versions: vec![CustomResourceDefinitionVersion {
                name: d.version.to_owned(),
                served: true,
                storage: true,
                additional_printer_columns: printed(d.columns),
                schema: Some(CustomResourceValidation { open_api_v3_schema: Some(schema) }),
                subresources: d.status.then(|| CustomResourceSubresources {
                    status: Some(CustomResourceSubresourceStatus(serde_json::json!({}))),
                    ..CustomResourceSubresources::default()
                }),
                ..CustomResourceDefinitionVersion::default()
            }],
            ..CustomResourceDefinitionSpec::default()
        },
        status: None,
    }
}

fn object() -> JSONSchemaProps {
    JSONSchemaProps { type_: Some("object".to_owned()), ..JSONSchemaProps::default() }
}

fn text(description: &str) -> JSONSchemaProps {
    JSONSchemaProps {
        description: Some(description.to_owned()),
        type_: Some("string".to_owned()),
        ..JSONSchemaProps::default()
    }
}

fn owned(names: &[&str]) -> Option<Vec<String>> {
    (!names.is_empty()).then(|| names.iter().map(|&n| n.to_owned()).collect())
}

fn printed(columns: &[Column]) -> Option<Vec<CustomResourceColumnDefinition>> {
    (!columns.is_empty()).then(|| {
        columns
            .iter()
            .map(|c| CustomResourceColumnDefinition {
                name: c.name.to_owned(),
                json_path: c.json_path.to_owned(),
                type_: c.type_.to_owned(),
                priority: (c.priority != 0).then_some(c.priority),
                ..CustomResourceColumnDefinition::default()
            })
            .collect()
    })
}

/// Declares a kind: its struct with `metadata`, the given required fields and optional fields, serde
/// that writes `apiVersion` and `kind`, and the traits that `kube::Api` and [`crd`] need.
macro_rules! api_kind {
    (
        $(#[$doc:meta])*
        $kind:ident: $group:literal / $version:literal $plural:literal $singular:literal
            [$($short:literal),*] $scope:ident
        columns: $columns:expr;
        required { $($(#[$rdoc:meta])* $rname:ident: $rty:ty,)+ }
        optional { $($(#[$odoc:meta])* $oname:ident: $oty:ty,)* }
    ) => {
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        $(#[$doc])*
        pub struct $kind {
            /// Name, namespace, labels and the rest of the object's metadata.
            #[serde(default)]
            #[schemars(with = "crate::schema::ObjectMetaSchema")]
            pub metadata: kube::api::ObjectMeta,
            $($(#[$rdoc])* pub $rname: $rty,)+
            $($(#[$odoc])* pub $oname: Option<$oty>,)*
        }

        impl $kind {
            /// An object with this name, in no namespace yet.
            pub fn new(name: &str, $($rname: $rty),+) -> Self {
                Self {
                    metadata: kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
                    $($rname,)+
                    $($oname: None,)*
                }
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("apiVersion", concat!($group, "/", $version))?;
                map.serialize_entry("kind", stringify!($kind))?;
                map.serialize_entry("metadata", &self.metadata)?;
                $(map.serialize_entry(stringify!($rname), &self.$rname)?;)+
                $(if let Some(value) = &self.$oname {
                    map.serialize_entry(stringify!($oname), value)?;
                })*
                map.end()
            }
        }

        impl crate::definition::Kind for $kind {
            const DEFINITION: crate::definition::Definition = crate::definition::Definition {
                group: $group,
                version: $version,
                kind: stringify!($kind),
                plural: $plural,
                singular: $singular,
                short_names: &[$($short),*],
                namespaced: crate::definition::is_namespaced(stringify!($scope)),
                status: !<[&str]>::is_empty(&[$(stringify!($oname)),*]),
                columns: $columns,
            };
        }

        impl kube::Resource for $kind {
            type DynamicType = ();
            type Scope = kube::core::$scope;

            fn kind((): &()) -> std::borrow::Cow<'_, str> {
                stringify!($kind).into()
            }

            fn group((): &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }

            fn version((): &()) -> std::borrow::Cow<'_, str> {
                $version.into()
            }

            fn plural((): &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }

            fn meta(&self) -> &kube::api::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut kube::api::ObjectMeta {
                &mut self.metadata
            }
        }

        impl kube::CustomResourceExt for $kind {
            fn crd() -> k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition {
                crate::definition::crd::<Self>()
            }

            fn crd_name() -> &'static str {
                concat!($plural, ".", $group)
            }

            fn api_resource() -> kube::api::ApiResource {
                kube::api::ApiResource::erase::<Self>(&())
            }

            fn shortnames() -> &'static [&'static str] {
                &[$($short),*]
            }
        }
    };
}
pub(crate) use api_kind;

/// Whether a scope's type name is the namespaced one.
pub(crate) const fn is_namespaced(scope: &str) -> bool {
    matches!(scope.as_bytes(), b"NamespaceResourceScope")
}
