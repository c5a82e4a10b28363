//! Who an addon is to API servers.
//!
//! Its ServiceAccount is impersonated: the host asks as itself and says for whom, and the API server decides by
//! the roles of the ServiceAccount.

use http::HeaderValue;
use http::header::HeaderName;
use kube::client::Body;

/// Namespace of the ServiceAccounts of addons.
pub const NAMESPACE: &str = "outrigger-addons";

/// The user name of an addon.
pub fn user(addon: &str) -> String {
    format!("system:serviceaccount:{NAMESPACE}:{addon}")
}

/// A client that asks what it is asked through `inner` as an addon. `inner` must be allowed to impersonate.
pub fn impersonated(inner: kube::Client, addon: &str) -> kube::Client {
    let namespace_group = format!("system:serviceaccounts:{NAMESPACE}");
    let groups = ["system:serviceaccounts", namespace_group.as_str(), "system:authenticated"];
    let user = (HeaderName::from_static("impersonate-user"), value(&user(addon)));
    let groups = groups.map(|group| (HeaderName::from_static("impersonate-group"), value(group)));
    let headers: Vec<(HeaderName, HeaderValue)> = std::iter::once(user).chain(groups).collect();
    let as_addon = tower::service_fn(move |mut request: http::Request<Body>| {
        let inner = inner.clone();
        // Whatever the request says itself goes: nobody but this decides whom it is for.
        for (name, _) in &headers {
            request.headers_mut().remove(name);
        }
        for (name, value) in &headers {
            request.headers_mut().append(name.clone(), value.clone());
        }
        async move { inner.send(request).await }
    });
    kube::Client::new(as_addon, "default")
}

/// Names of addons and the words here are all ASCII; anything else becomes a user that does not exist.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("system:anonymous"))
}
