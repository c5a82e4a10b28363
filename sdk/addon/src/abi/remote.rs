//! The host, as a library's controllers see it: each method is one call across.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use outrigger_object::{Gvk, Object, ObjectKey};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{HostCall, HostTable, Lent, fault, read};
use crate::{CallError, Cluster, EventKind, Host, Place};

pub(super) struct Remote<'a>(&'a HostTable);

// SAFETY: a host has to answer its table's `call` on any thread while it is lent, and the borrow ends with that.
unsafe impl Send for Remote<'_> {}
// SAFETY: the same.
unsafe impl Sync for Remote<'_> {}

impl<'a> Remote<'a> {
    pub fn new(table: &'a HostTable) -> Self {
        Self(table)
    }

    fn ask<T: DeserializeOwned>(&self, call: HostCall<'_>) -> Result<T, CallError> {
        let bytes = serde_json::to_vec(&call).map_err(|error| fault(format!("cannot be asked: {error}")))?;
        let lent = Lent { data: bytes.as_ptr(), length: bytes.len() };
        // SAFETY: the table's function is what this page says, and the bytes are readable until it returns.
        let made = unsafe { (self.0.call)(self.0.context, lent) };
        if made.data.is_null() {
            return Err(fault("the host did not answer".into()));
        }
        // SAFETY: the host made this many bytes, and has not got them back.
        let answer = read::<Result<T, CallError>>(unsafe { std::slice::from_raw_parts(made.data, made.length) });
        // SAFETY: they are the host's, unchanged, and this happens once; what was read is a copy.
        unsafe { (self.0.free)(made) };
        answer.map_err(|error| fault(format!("the host's answer is not understood: {error}")))?
    }
}

impl Host for Remote<'_> {
    fn get(&self, place: &Place, gvk: &Gvk, key: &ObjectKey) -> Result<Option<Arc<Object>>, CallError> {
        let (place, gvk, key) = (Cow::Borrowed(place), Cow::Borrowed(gvk), Cow::Borrowed(key));
        Ok(self.ask::<Option<Object>>(HostCall::Get { place, gvk, key })?.map(Arc::new))
    }

    fn list(
        &self,
        place: &Place,
        gvk: &Gvk,
        namespace: &str,
        label_selector: &str,
    ) -> Result<Vec<Arc<Object>>, CallError> {
        let (place, gvk) = (Cow::Borrowed(place), Cow::Borrowed(gvk));
        let call = HostCall::List { place, gvk, namespace: namespace.into(), selector: label_selector.into() };
        Ok(self.ask::<Vec<Object>>(call)?.into_iter().map(Arc::new).collect())
    }

    fn apply(&self, place: &Place, object: &Object) -> Result<Object, CallError> {
        self.ask(HostCall::Apply { place: Cow::Borrowed(place), object: Cow::Borrowed(object) })
    }

    fn write_status(&self, place: &Place, object: &Object) -> Result<Object, CallError> {
        self.ask(HostCall::WriteStatus { place: Cow::Borrowed(place), object: Cow::Borrowed(object) })
    }

    fn delete(&self, place: &Place, gvk: &Gvk, key: &ObjectKey, uid: &str) -> Result<(), CallError> {
        let (place, gvk, key) = (Cow::Borrowed(place), Cow::Borrowed(gvk), Cow::Borrowed(key));
        self.ask(HostCall::Delete { place, gvk, key, uid: uid.into() })
    }

    fn clusters(&self) -> Result<Vec<Cluster>, CallError> {
        self.ask(HostCall::Clusters)
    }

    fn event(&self, about: &Object, kind: EventKind, reason: &str, message: &str) {
        let about = Cow::Borrowed(about);
        let _: Result<(), _> =
            self.ask(HostCall::Event { about, kind, reason: reason.into(), message: message.into() });
    }

    fn count(&self, metric: &str, labels: &BTreeMap<String, String>, by: u64) {
        let labels = Cow::Borrowed(labels);
        let _: Result<(), _> = self.ask(HostCall::Count { metric: metric.into(), labels, by });
    }

    fn gauge(&self, metric: &str, labels: &BTreeMap<String, String>, value: f64) {
        let labels = Cow::Borrowed(labels);
        let _: Result<(), _> = self.ask(HostCall::Gauge { metric: metric.into(), labels, value });
    }

    fn config(&self) -> Arc<Value> {
        self.ask(HostCall::Config).map(Arc::new).unwrap_or_default()
    }

    fn now(&self) -> String {
        self.ask(HostCall::Now).unwrap_or_default()
    }

    /// A host that does not answer is none to go on for.
    fn is_cancelled(&self) -> bool {
        self.ask(HostCall::IsCancelled).unwrap_or(true)
    }
}
