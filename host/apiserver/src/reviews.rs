//! Questions that are answered and not kept: who am I, may I, may they, whose token is this.

use http::{Response, StatusCode};
use outrigger_auth::User;
use outrigger_auth::rbac;
use outrigger_auth::service_account::ISSUER;
use outrigger_object::Object;
use serde_json::{Value, json};

use crate::access::Attributes;
use crate::body::Body;
use crate::handlers::Call;
use crate::reply;
use crate::request::Verb;
use crate::status::{Result, Status};

/// Answers a review, or an empty list of what is not kept.
pub(crate) fn run(call: &mut Call) -> Result<Response<Body>> {
    if call.request.verb == Verb::List {
        let list = json!({"kind": call.resource.list_kind, "apiVersion": call.resource.api_version(), "metadata": {}, "items": []});
        return Ok(reply::value(StatusCode::OK, call.accepted.encoding, &list));
    }
    if call.request.verb != Verb::Create {
        return Err(Status::not_found(&call.resource, &call.request.name));
    }
    let mut review = call.object()?;
    let kind = call.resource.kind.clone();
    let status = match kind.as_str() {
        "SelfSubjectReview" => json!({"userInfo": user_info(&call.user)}),
        "SelfSubjectAccessReview" => decide(call, &call.user, &review)?,
        "SubjectAccessReview" | "LocalSubjectAccessReview" => {
            if kind == "LocalSubjectAccessReview"
                && review.str(&["spec", "resourceAttributes", "namespace"]).unwrap_or_default()
                    != call.request.namespace
            {
                return Err(Status::bad_request("spec.resourceAttributes.namespace must match metadata.namespace"));
            }
            decide(call, &named_user(&review), &review)?
        }
        "SelfSubjectRulesReview" => rules(call, &review),
        "TokenReview" => token(call, &review),
        _ => return Err(Status::method_not_allowed(&call.resource, "create")),
    };
    review.set(&["status"], status);
    call.answer(StatusCode::CREATED, review)
}

fn user_info(user: &User) -> Value {
    let mut info = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        info["uid"] = user.uid.clone().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn named_user(review: &Object) -> User {
    User {
        name: review.str(&["spec", "user"]).unwrap_or_default().to_owned(),
        groups: texts(review.get(&["spec", "groups"])),
        ..User::default()
    }
}

fn decide(call: &Call, user: &User, review: &Object) -> Result<Value> {
    let text = |section: &str, name: &str| review.str(&["spec", section, name]).unwrap_or_default().to_owned();
    let decision = if review.get(&["spec", "resourceAttributes"]).is_some() {
        let at = |name: &str| text("resourceAttributes", name);
        let (verb, group, resource, subresource) = (at("verb"), at("group"), at("resource"), at("subresource"));
        let (namespace, name) = (at("namespace"), at("name"));
        let attributes = Attributes {
            verb: &verb,
            group: &group,
            resource: &resource,
            subresource: &subresource,
            namespace: &namespace,
            name: &name,
        };
        call.server.allows(user, &attributes.to_rbac())
    } else if review.get(&["spec", "nonResourceAttributes"]).is_some() {
        let (verb, path) = (text("nonResourceAttributes", "verb"), text("nonResourceAttributes", "path"));
        call.server.allows(user, &rbac::Attributes::path(&verb, &path))
    } else {
        return Err(Status::bad_request(
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ));
    };
    let mut status = json!({"allowed": decision.allowed});
    if !decision.reason.is_empty() {
        status["reason"] = decision.reason.into();
    }
    Ok(status)
}

fn rules(call: &Call, review: &Object) -> Value {
    let namespace = review.str(&["spec", "namespace"]).unwrap_or_default();
    let (mut resources, mut paths) = (Vec::new(), Vec::new());
    if call.user.is_in(User::MASTERS) || !call.server.options.authorize {
        resources.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        paths.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
    }
    for rule in call.server.access.rbac.rules_for(&call.user, namespace) {
        let value = serde_json::to_value(&rule).unwrap_or_default();
        match value.get("nonResourceURLs").and_then(Value::as_array).is_some_and(|urls| !urls.is_empty()) {
            true => paths.push(json!({"verbs": value["verbs"], "nonResourceURLs": value["nonResourceURLs"]})),
            false => resources.push(value),
        }
    }
    json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
}

/// Whether a token that this server takes is also, or only, meant for an audience.
fn is_meant_for(call: &Call, token: &str, audience: &str) -> bool {
    let issuer = call.server.options.token_issuer.as_ref();
    let now = call.server.options.clock.now();
    audience == ISSUER || issuer.is_some_and(|issuer| issuer.verify_for(token, &[audience], now).is_ok())
}

fn token(call: &Call, review: &Object) -> Value {
    let token = review.str(&["spec", "token"]).unwrap_or_default();
    let audiences = texts(review.get(&["spec", "audiences"]));
    match call.server.access.authenticator.bearer(token, call.server.options.clock.now()) {
        Ok(user) if audiences.is_empty() => json!({"authenticated": true, "user": user_info(&user)}),
        Ok(user) => {
            let meant: Vec<String> = audiences.into_iter().filter(|one| is_meant_for(call, token, one)).collect();
            if meant.is_empty() {
                let error = "the token is meant for other audiences";
                return json!({"authenticated": false, "user": {}, "error": error});
            }
            json!({"authenticated": true, "user": user_info(&user), "audiences": meant})
        }
        Err(error) => json!({"authenticated": false, "user": {}, "error": error.to_string()}),
    }
}
