//! One module for each thing that can be done to a resource.

pub mod create;
pub mod delete;
pub mod list;
pub mod patch;
pub mod read;
pub mod scale;
pub mod selection;
pub mod subresource;
pub mod update;
pub mod watch;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use outrigger_object::Object;

use crate::access::Spoken;
use crate::body::Body;
use crate::incoming::{self, FieldValidation};
use crate::negotiate::{Accepted, content};
use crate::objects::Writer;
use crate::registry::Resource;
use crate::request::{Query, ResourceRequest, Verb};
use crate::server::Inner;
use crate::status::{Result, Status};
use crate::{User, reply, reviews};

/// A request for a resource, ready to be carried out.
pub(crate) struct Call {
    pub(crate) server: Arc<Inner>,
    pub(crate) user: User,
    pub(crate) request: ResourceRequest,
    pub(crate) resource: Arc<Resource>,
    pub(crate) query: Query,
    pub(crate) accepted: Accepted,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) warnings: Vec<String>,
}

impl Call {
    /// The name under which this client's fields are recorded.
    pub(crate) fn manager(&self) -> String {
        if !self.query.field_manager.is_empty() {
            return self.query.field_manager.clone();
        }
        let agent = self.headers.get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let name = agent.and_then(|agent| agent.split('/').next()).unwrap_or_default();
        let short: String = name.chars().filter(|c| !c.is_control()).take(128).collect();
        if short.is_empty() { "unknown".to_owned() } else { short }
    }

    /// Who writes what.
    pub(crate) fn spoken(&self) -> Spoken<'_> {
        Spoken { resource: &self.resource, subresource: &self.request.subresource, user: &self.user }
    }

    /// Who writes, and how.
    pub(crate) fn writer<'a>(&'a self, manager: &'a str) -> Writer<'a> {
        Writer { manager, subresource: &self.request.subresource, dry_run: self.query.dry_run }
    }

    /// What becomes of fields that the type does not know.
    pub(crate) fn validation(&self) -> FieldValidation {
        FieldValidation::parse(&self.query.field_validation)
    }

    /// The object in the body, of the kind that the URL names and in the shape of its type.
    pub(crate) fn object(&mut self) -> Result<Object> {
        let (value, duplicates) = incoming::parse(&self.body, content(&self.headers)?)?;
        let object = incoming::check_kind(&self.resource, value)?;
        let validation = self.validation();
        incoming::shape(&self.resource, object, duplicates, validation, &mut self.warnings)
    }

    /// Answers with an object.
    pub(crate) fn answer(&self, code: StatusCode, object: Object) -> Result<Response<Body>> {
        reply::object(code, self.accepted, &self.resource, object, &self.query.include_object)
    }

    /// Carries the request out.
    pub(crate) async fn run(mut self) -> Response<Body> {
        if let Some(deprecation) = self.resource.custom.as_ref().and_then(|version| version.deprecation.clone()) {
            self.warnings.push(deprecation);
        }
        let mut result = self.dispatch().await.unwrap_or_else(|status| reply::status(&status));
        reply::warn(&mut result, &self.warnings);
        result
    }

    async fn dispatch(&mut self) -> Result<Response<Body>> {
        if !self.request.subresource.is_empty() {
            return subresource::run(self).await;
        }
        if !self.resource.allows(self.request.verb) {
            return Err(Status::method_not_allowed(&self.resource, self.request.verb.as_str()));
        }
        if !self.resource.is_stored() {
            return reviews::run(self);
        }
        match self.request.verb {
            Verb::Get => read::run(self),
            Verb::List => list::run(self),
            Verb::Watch => watch::run(self),
            Verb::Create => create::run(self).await,
            Verb::Update => update::run(self).await,
            Verb::Patch => patch::run(self).await,
            Verb::Delete => delete::one(self).await,
            Verb::DeleteCollection => delete::many(self).await,
        }
    }
}
