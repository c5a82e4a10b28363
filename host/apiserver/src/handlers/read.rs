//! Reads one object.

use bytes::BytesMut;
use http::{Response, StatusCode};

use super::Call;
use crate::body::Body;
use crate::negotiate::{Encoding, Shape};
use crate::status::{Result, Status};
use crate::{reply, storage};

pub(crate) fn run(call: &Call) -> Result<Response<Body>> {
    let (resource, request) = (&call.resource, &call.request);
    let entry = call.server.entry(resource, &request.namespace, &request.name)?;
    if let Ok(asked) = call.query.resource_version.parse::<u64>() {
        let current = call.server.store.revision();
        if asked > current {
            return Err(Status::too_large_revision(asked, current));
        }
    }
    if call.accepted.shape == Shape::Object && call.accepted.encoding == Encoding::Json {
        let mut text = BytesMut::new();
        storage::write_json(resource, &entry.key, &entry.value, entry.revision, entry.revision, &mut text)?;
        return Ok(reply::json_text(StatusCode::OK, text.freeze()));
    }
    call.answer(StatusCode::OK, storage::decode(resource, &entry)?)
}
