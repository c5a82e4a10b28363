//! Compiling `retain`, `dependencies`, `status` and `health`.

use super::{Compiler, Loaded};
use crate::declarative::{
    cel,
    dependencies::{self, Named, Needs, Word},
    format::{self, Merge, Text},
    health::{MISSING, Rule, Verdict, Wanted, Words},
    path::{Pattern, Place},
    retain::Keep,
    status::{Reflect, Reflected},
};

impl Compiler<'_> {
    pub(super) fn retain(&self, block: format::Retain) -> Loaded<Vec<Keep>> {
        if block.paths.is_none() && block.rules.is_empty() && block.replicas.is_none() {
            return Err(self.nowhere("retain has paths, replicas, rules or lua"));
        }
        let plain = |text: &Text, labelled: bool| {
            Ok(Keep {
                place: self.place(text)?,
                merge: Merge::Keep,
                key: None,
                fields: Vec::new(),
                add: false,
                when: None,
                cel: None,
                labelled,
            })
        };
        let replicas = block.replicas.iter().map(|text| plain(text, true));
        let plain = block.paths.iter().flatten().map(|text| plain(text, false)).chain(replicas);
        plain.chain(block.rules.into_iter().map(|rule| self.keep(rule))).collect()
    }

    fn keep(&self, rule: format::RetainRule) -> Loaded<Keep> {
        let by_key = rule.merge == Merge::MergeByKey;
        if by_key != rule.key.is_some() {
            return Err(self.wrong(&rule.path, "mergeByKey needs a key, which belongs to it alone"));
        }
        if !by_key && (!rule.fields.is_empty() || rule.add) {
            return Err(self.wrong(&rule.path, "fields and add belong to mergeByKey"));
        }
        Ok(Keep {
            place: self.place(&rule.path)?,
            merge: rule.merge,
            key: self.maybe_place(rule.key.as_ref())?,
            fields: self.places(&rule.fields)?,
            add: rule.add,
            when: self.maybe_cel(rule.when.as_ref(), cel::Place::Retain)?,
            cel: self.maybe_cel(rule.cel.as_ref(), cel::Place::Retain)?,
            labelled: false,
        })
    }

    pub(super) fn dependency(&self, read: format::Dependency) -> Loaded<dependencies::Entry> {
        let place = if read.each.is_some() { cel::Place::Item } else { cel::Place::Object };
        let when = self.maybe_cel(read.when.as_ref(), place)?;
        Ok(dependencies::Entry { when, needs: self.needs(read)? })
    }

    fn needs(&self, read: format::Dependency) -> Loaded<Needs> {
        if let Some(text) = &read.cel {
            let others = [&read.pod_template, &read.pod_spec, &read.name, &read.each, &read.selector];
            return match others.into_iter().flatten().next() {
                Some(text) => Err(self.wrong(text, "an entry with cel has nothing else but when")),
                None => Ok(Needs::Made(self.cel(text, cel::Place::Object)?)),
            };
        }
        if let Some(at) = self.pod(read.pod_template.as_ref(), read.pod_spec.as_ref())? {
            let named = [
                read.api_version.is_some() || read.api_version_from.is_some(),
                read.kind.is_some() || read.kind_from.is_some(),
                read.name.is_some() || !read.names.is_empty() || read.selector.is_some(),
                read.namespace.is_some() || read.cluster_scoped || read.each.is_some(),
                read.optional.is_some() || !read.except.is_empty(),
            ];
            if named.contains(&true) {
                let place = [read.pod_template.as_ref(), read.pod_spec.as_ref()];
                return Err(self.wrong_at(place, "an entry is for a pod or for a kind, not for both"));
            }
            return Ok(Needs::Pod(at));
        }
        let names = read.name.iter().chain(&read.names);
        let typed = read.api_version.is_some() || read.api_version_from.is_some();
        if !typed
            || (read.kind.is_none() && read.kind_from.is_none())
            || (names.clone().next().is_none() && read.selector.is_none())
        {
            let texts = names.map(Some).chain([read.each.as_ref(), read.namespace.as_ref()]);
            let message = "a dependency has apiVersion, kind and name, or podTemplate, or podSpec, or cel";
            return Err(self.wrong_at(texts, message));
        }
        if let (true, Some(text)) = (read.cluster_scoped, &read.namespace) {
            return Err(self.wrong(text, "a cluster-scoped kind has no namespace"));
        }
        Ok(Needs::Named(Box::new(Named {
            each: self.maybe_path(read.each.as_ref())?,
            names: names.map(|text| self.path(text)).collect::<Loaded<_>>()?,
            api_version: self.word(read.api_version.as_ref(), read.api_version_from.as_ref())?,
            kind: self.word(read.kind.as_ref(), read.kind_from.as_ref())?,
            selector: self.maybe_place(read.selector.as_ref())?,
            except: read.except,
            namespace: self.maybe_place(read.namespace.as_ref())?,
            namespace_name: read.namespace_name,
            cluster_scoped: read.cluster_scoped,
            optional: read.optional.unwrap_or(true),
        })))
    }

    fn word(&self, fixed: Option<&String>, from: Option<&Text>) -> Loaded<Word> {
        Ok(Word { from: self.maybe_path(from)?, fixed: fixed.cloned().unwrap_or_default() })
    }

    pub(super) fn status(&self, block: format::Status) -> Loaded<Reflect> {
        let pattern = |text: &Text| Pattern::parse(&text.0.value).map_err(|message| self.wrong(text, message));
        Ok(Reflect {
            cel: self.maybe_cel(block.cel.as_ref(), cel::Place::Object)?,
            patterns: block.paths.iter().map(pattern).collect::<Loaded<_>>()?,
            fields: self.all(block.fields, Self::reflected)?,
            generations: block.generations,
        })
    }

    fn reflected(&self, field: format::StatusField) -> Loaded<Reflected> {
        let from = self.place(&field.path)?;
        let to = self.maybe_place(field.rename.as_ref())?.unwrap_or_else(|| from.clone());
        let cel = self.maybe_cel(field.cel.as_ref(), cel::Place::Object)?;
        Ok(Reflected { from, to, cel, default: field.default })
    }

    pub(super) fn rule(&self, rule: format::HealthRule) -> Loaded<Rule> {
        let verdict = match (rule.health, &rule.cel) {
            (Some(health), None) => Verdict::Fixed(health),
            (None, Some(text)) => Verdict::Cel(self.cel(text, cel::Place::Object)?),
            _ => {
                let texts = [rule.cel.as_ref(), rule.when.as_ref()];
                return Err(self.wrong_at(texts, "a rule of health has one of health, cel and lua"));
            }
        };
        let words = |fixed: Option<String>, from: Option<&Text>| Ok(Words { fixed, from: self.maybe_path(from)? });
        Ok(Rule {
            when: self.maybe_cel(rule.when.as_ref(), cel::Place::Object)?,
            condition: rule.condition.map(|condition| self.wanted(condition)).transpose()?,
            verdict,
            reason: words(rule.reason, rule.reason_from.as_ref())?,
            message: words(rule.message, rule.message_from.as_ref())?,
        })
    }

    fn wanted(&self, condition: format::ConditionMatch) -> Loaded<Wanted> {
        let list = match &condition.list {
            Some(text) => self.place(text)?,
            None => Place::parse("status.conditions").map_err(|message| self.nowhere(message))?,
        };
        let status = condition.status.as_deref().unwrap_or("True");
        let statuses: Vec<String> = status.split('|').map(|status| status.trim().to_owned()).collect();
        if let Some(odd) = statuses.iter().find(|one| !["True", "False", "Unknown", MISSING].contains(&one.as_str())) {
            let message = format!("the status of a condition is True, False, Unknown or Missing, not {odd:?}");
            return Err(self.wrong_at([condition.list.as_ref()], &message));
        }
        Ok(Wanted {
            list,
            kind: condition.kind,
            statuses,
            reasons: condition.reason,
            not_reasons: condition.not_reason,
            observed: condition.observed,
        })
    }
}
