//! Where a hook is: its URL, or its Service.
//!
//! A Service is found as Karmada finds it from the hub: by the Service object in the control plane, by its
//! cluster IP or external name; without such an object, under `<name>.<namespace>.svc` in the network of the
//! cluster that the control plane runs in. Whatever the way, the certificate must be for
//! `<name>.<namespace>.svc`.

use http::Uri;
use k8s_openapi::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use outrigger_object::Object;
use rustls_pki_types::ServerName;
use serde_json::Value;

use crate::Error;

/// What can be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// DNS name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Finds Services. Asked whenever a connection is opened, so it must not block: look into a cache.
pub trait Services: Send + Sync + 'static {
    /// The Service object in the control plane.
    fn find(&self, namespace: &str, name: &str) -> Option<Object>;

    /// Whether `<name>.<namespace>.svc` can be reached: whether the control plane runs in a cluster and its
    /// Services are meant.
    fn has_cluster_network(&self) -> bool;
}

/// For a control plane that has neither Services of its own nor a cluster around it: every reference to a
/// Service fails, and says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoServices;

impl Services for NoServices {
    fn find(&self, _: &str, _: &str) -> Option<Object> {
        None
    }

    fn has_cluster_network(&self) -> bool {
        false
    }
}

/// Where a hook is, as its configuration says.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// What requests are sent to, without a query.
    pub uri: Uri,
    /// Whom the certificate must be for.
    pub server_name: ServerName<'static>,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Address(Address),
    Service { namespace: String, name: String, port: u16 },
}

impl Endpoint {
    /// Reads a configuration. Fails with [`Error::Configuration`], for what Karmada refuses, too.
    pub fn read(config: &WebhookClientConfig) -> Result<Self, Error> {
        match (&config.url, &config.service) {
            (Some(url), None) => Self::of_url(url),
            (None, Some(service)) => Self::of_service(service),
            _ => Err(Error::Configuration("clientConfig: exactly one of url and service is needed".to_owned())),
        }
    }

    fn of_url(url: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Configuration(format!("clientConfig.url {url:?} {what}"));
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("is no URL: {error}")))?;
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if uri.scheme_str() != Some("https") {
            return Err(wrong("does not begin with https://"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("names a user, which is not allowed"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(wrong("has a query or a fragment, which is not allowed"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let server_name =
            ServerName::try_from(host.clone()).map_err(|_| wrong("has a host that no certificate can be for"))?;
        let port = uri.port_u16().unwrap_or(443);
        Ok(Self { server_name, place: Place::Address(Address { host, port }), uri })
    }

    fn of_service(service: &ServiceReference) -> Result<Self, Error> {
        let ServiceReference { namespace, name, path, port } = service;
        let wrong = |what: &str| Error::Configuration(format!("clientConfig.service {namespace}/{name} {what}"));
        let port = u16::try_from(port.unwrap_or(443)).ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| wrong("has a port that is none"))?;
        let host = format!("{name}.{namespace}.svc");
        let path = path.as_deref().unwrap_or("/");
        let slash = if path.starts_with('/') { "" } else { "/" };
        let uri: Uri = format!("https://{host}:{port}{slash}{path}")
            .parse()
            .map_err(|error| wrong(&format!("does not make a URL: {error}")))?;
        let server_name = ServerName::try_from(host).map_err(|_| wrong("has a name that no certificate can be for"))?;
        let place = Place::Service { namespace: namespace.clone(), name: name.clone(), port };
        Ok(Self { uri, server_name, place })
    }

    /// What to connect to now. Fails with [`Error::Service`].
    pub fn address(&self, services: &dyn Services) -> Result<Address, Error> {
        let (namespace, name, port) = match &self.place {
            Place::Address(address) => return Ok(address.clone()),
            Place::Service { namespace, name, port } => (namespace, name, *port),
        };
        match services.find(namespace, name) {
            Some(service) => address_of(&service, port),
            None if services.has_cluster_network() => Ok(Address { host: format!("{name}.{namespace}.svc"), port }),
            None => Err(Error::Service(format!(
                "the Service {namespace}/{name} is not in the control plane, which has no cluster network to find it \
                 in; make a Service of type ExternalName there, or use clientConfig.url"
            ))),
        }
    }
}

/// The address of a Service object at one of its ports. Fails with [`Error::Service`] for a Service without a
/// cluster IP, and for a port that it does not have.
pub fn address_of(service: &Object, port: u16) -> Result<Address, Error> {
    let fail = |what: &str| Err(Error::Service(format!("the Service {} {what}", service.key())));
    match service.str(&["spec", "type"]).unwrap_or("ClusterIP") {
        "ExternalName" => match service.str(&["spec", "externalName"]) {
            Some(host) if !host.is_empty() => Ok(Address { host: host.to_owned(), port }),
            _ => fail("has no external name"),
        },
        "ClusterIP" | "NodePort" | "LoadBalancer" => {
            let ports = service.get(&["spec", "ports"]).and_then(Value::as_array).into_iter().flatten();
            if !ports.into_iter().any(|one| one.get("port").and_then(Value::as_u64) == Some(port.into())) {
                return fail(&format!("has no port {port}"));
            }
            match service.str(&["spec", "clusterIP"]) {
                Some("None") => fail("is headless: it has no cluster IP"),
                Some(host) if !host.is_empty() => Ok(Address { host: host.to_owned(), port }),
                _ => fail("has no cluster IP: the control plane it is in gives out none"),
            }
        }
        other => fail(&format!("has the unknown type {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: Value) -> Result<Endpoint, Error> {
        Endpoint::read(&serde_json::from_value(config).unwrap())
    }

    #[test]
    fn urls_and_services() {
        let check = |config: Value, uri: &str, name: &str| {
            let endpoint = read(config).unwrap();
            assert_eq!((endpoint.uri.to_string().as_str(), &*endpoint.server_name.to_str()), (uri, name));
        };
        check(json!({"url": "https://a.example.com/x"}), "https://a.example.com/x", "a.example.com");
        check(json!({"url": "https://[::1]:8443/x"}), "https://[::1]:8443/x", "::1");
        check(json!({"service": {"namespace": "n", "name": "s"}}), "https://s.n.svc:443/", "s.n.svc");
        check(
            json!({"service": {"namespace": "n", "name": "s", "path": "/a/b", "port": 8443}}),
            "https://s.n.svc:8443/a/b",
            "s.n.svc",
        );
    }

    #[test]
    fn refusals() {
        let check = |config: Value, part: &str| {
            let error = read(config).unwrap_err();
            assert!(matches!(&error, Error::Configuration(message) if message.contains(part)), "{error}");
        };
        check(json!({}), "exactly one");
        check(json!({"url": "https://a", "service": {"namespace": "n", "name": "s"}}), "exactly one");
        check(json!({"url": "http://a/x"}), "https://");
        check(json!({"url": "/x"}), "no host");
        check(json!({"url": "https://me@a/x"}), "user");
        check(json!({"url": "https://a/x?y=1"}), "query");
        check(json!({"url": "https://a/x#y"}), "fragment");
        check(json!({"service": {"namespace": "n", "name": "s", "port": 0}}), "port");
        check(json!({"service": {"namespace": "n", "name": "s", "port": 70000}}), "port");
        check(json!({"service": {"namespace": "n", "name": "a b"}}), "URL");
    }

    struct Some1(Value, bool);

    impl Services for Some1 {
        fn find(&self, namespace: &str, name: &str) -> Option<Object> {
            let service = Object::from_value(self.0.clone()).ok()?;
            (service.namespace() == namespace && service.name() == name).then_some(service)
        }

        fn has_cluster_network(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn services_are_found_as_karmada_finds_them() {
        let endpoint = read(json!({"service": {"namespace": "n", "name": "s", "port": 8443}})).unwrap();
        let service = |spec: Value| json!({"metadata": {"namespace": "n", "name": "s"}, "spec": spec});
        let check = |object: Value, network: bool, expected: Result<&str, &str>| {
            let found = endpoint.address(&Some1(object, network));
            match (found, expected) {
                (Ok(address), Ok(expected)) => assert_eq!(format!("{}:{}", address.host, address.port), expected),
                (Err(Error::Service(message)), Err(part)) => assert!(message.contains(part), "{message}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        };
        let ports = json!([{"port": 443}, {"port": 8443}]);
        check(service(json!({"clusterIP": "10.0.0.1", "ports": ports})), false, Ok("10.0.0.1:8443"));
        check(service(json!({"type": "NodePort", "clusterIP": "::1", "ports": ports})), false, Ok("::1:8443"));
        check(service(json!({"type": "ExternalName", "externalName": "h.io"})), false, Ok("h.io:8443"));
        check(service(json!({"clusterIP": "10.0.0.1", "ports": [{"port": 1}]})), true, Err("no port 8443"));
        check(service(json!({"clusterIP": "None", "ports": ports})), true, Err("headless"));
        check(service(json!({"ports": ports})), true, Err("no cluster IP"));
        check(service(json!({"type": "ExternalName"})), true, Err("no external name"));
        check(service(json!({"type": "Odd"})), true, Err("unknown type"));
        check(json!({}), true, Ok("s.n.svc:8443"));
        check(json!({}), false, Err("no cluster network"));
    }
}
