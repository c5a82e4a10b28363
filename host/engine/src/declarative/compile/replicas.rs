//! Compiling `replicas`, `components` and `reviseReplica`.

use outrigger_object::Quantity;

use super::{Compiler, Loaded};
use crate::declarative::{
    cel,
    format::{self, Claim, Text},
    replicas::{Count, Entry, Name, PodAt, Quantities, Replicas, Requirements, Revise, Within},
};

const CLAIMS: [Claim; 4] = [Claim::NodeSelector, Claim::NodeAffinity, Claim::Tolerations, Claim::PriorityClass];

impl Compiler<'_> {
    /// A pod spec, from a path to it or to the template around it.
    pub(super) fn pod(&self, template: Option<&Text>, spec: Option<&Text>) -> Loaded<Option<PodAt>> {
        match (template, spec) {
            (None, None) => Ok(None),
            (Some(text), None) => Ok(Some(PodAt { path: self.path(text)?, template: true })),
            (None, Some(text)) => Ok(Some(PodAt { path: self.path(text)?, template: false })),
            (Some(_), Some(text)) => Err(self.wrong(text, "podSpec and podTemplate exclude each other")),
        }
    }

    pub(super) fn replicas(&self, block: format::Replicas) -> Loaded<Replicas> {
        let paths = block.path.is_some() || !block.paths.is_empty();
        let sources = [paths, block.value.is_some(), block.of_components, block.cel.is_some()];
        if sources.iter().filter(|has| **has).count() != 1 {
            let texts = block.path.iter().chain(&block.paths).map(Some);
            return Err(self.wrong_at(texts, "replicas has one of path, paths, value, ofComponents, cel and lua"));
        }
        let count = match (block.value, &block.cel) {
            (Some(number), _) => Count::Fixed(number),
            (None, Some(text)) => {
                Count::Cel { expression: self.cel(text, cel::Place::Object)?, default: block.default }
            }
            (None, None) if block.of_components => Count::Components,
            (None, None) => {
                let paths = block.path.iter().chain(&block.paths).map(|text| self.path(text));
                Count::Paths { paths: paths.collect::<Loaded<_>>()?, default: block.default }
            }
        };
        let pod = self.pod(block.pod_template.as_ref(), block.pod_spec.as_ref())?;
        let from = block.resources_from.as_ref();
        let requirements = self.requirements(pod, block.resources, from, block.claims, block.namespace)?;
        Ok(Replicas { count, requirements })
    }

    pub(super) fn component(&self, entry: format::Component) -> Loaded<Entry> {
        let within = match (&entry.each, &entry.of) {
            (None, None) => Within::Object,
            (Some(text), None) => Within::Each(self.path(text)?),
            (None, Some(text)) => Within::One(self.place(text)?),
            (Some(_), Some(text)) => return Err(self.wrong(text, "each and of exclude each other")),
        };
        let name = match (&entry.name, &entry.each) {
            (Some(text), None) => Name::Fixed(text.0.value.clone()),
            (None, None) => return Err(self.wrong_at([entry.of.as_ref()], "a component has a name, or is one of each")),
            (text, Some(_)) => Name::Item {
                place: self.maybe_place(text.as_ref())?,
                prefix: entry.name_prefix.clone(),
                first: entry.first,
            },
        };
        if entry.each.is_none() && (entry.name_prefix.is_some() || entry.first != 0) {
            return Err(self.wrong_at([entry.name.as_ref()], "namePrefix and first belong to each"));
        }
        let pod = self.pod(entry.pod_template.as_ref(), entry.pod_spec.as_ref())?;
        Ok(Entry {
            within,
            name,
            require: self.paths(&entry.require)?,
            when: self.maybe_cel(entry.when.as_ref(), cel::Place::Item)?,
            replicas: self.maybe_place(entry.replicas.as_ref())?,
            count: self.maybe_cel(entry.cel.as_ref(), cel::Place::Item)?,
            default: entry.default.unwrap_or(1),
            requirements: self.requirements(
                pod,
                entry.resources,
                entry.resources_from.as_ref(),
                entry.claims,
                entry.namespace,
            )?,
        })
    }

    fn requirements(
        &self,
        pod: Option<PodAt>,
        resources: Vec<format::Resource>,
        from: Option<&Text>,
        claims: Option<Vec<Claim>>,
        namespace: bool,
    ) -> Loaded<Requirements> {
        let claims = claims.unwrap_or_else(|| CLAIMS.to_vec());
        let resources_from = self.maybe_place(from)?;
        Ok(Requirements { pod, resources: self.all(resources, Self::resource)?, resources_from, claims, namespace })
    }

    fn resource(&self, resource: format::Resource) -> Loaded<Quantities> {
        let texts: Vec<&Text> = resource.path.iter().chain(&resource.paths).collect();
        let here = || texts.iter().copied().chain(&resource.name_from).chain(&resource.cel).map(Some);
        if texts.is_empty() && resource.default.is_none() && resource.cel.is_none() {
            return Err(self.wrong_at(here(), "a resource has path, paths or cel, or a default"));
        }
        if resource.name.is_none() && resource.name_from.is_none() {
            return Err(self.wrong_at(here(), "a resource has name or nameFrom"));
        }
        let default = resource.default.as_deref().map(Quantity::parse).transpose();
        Ok(Quantities {
            name: resource.name.clone().unwrap_or_default(),
            name_from: self.maybe_path(resource.name_from.as_ref())?,
            paths: texts.iter().map(|text| self.path(text)).collect::<Loaded<_>>()?,
            cel: self.maybe_cel(resource.cel.as_ref(), cel::Place::Item)?,
            default: default.map_err(|error| self.wrong_at(here(), &error.to_string()))?,
            whole: resource.whole,
        })
    }

    pub(super) fn revise(&self, block: format::ReviseReplica) -> Loaded<Revise> {
        let places: Vec<_> =
            block.path.iter().chain(&block.paths).map(|text| self.place(text)).collect::<Loaded<_>>()?;
        if places.is_empty() {
            return Err(self.nowhere("reviseReplica has path, paths or lua"));
        }
        let cel = self.maybe_cel(block.cel.as_ref(), cel::Place::Revise)?;
        Ok(Revise { places, cel, when_present: block.when_present })
    }
}
