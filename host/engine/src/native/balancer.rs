//! The addresses of Services and Ingresses: those of all clusters, each once, in a fixed order.

use std::collections::{BTreeMap, BTreeSet};

use outrigger_interpreter::StatusItem;
use outrigger_object::{Cursor, Object};
use serde_json::{Map, Value};

use super::{
    Result,
    counts::{of_cluster, statuses},
};

/// What makes an address one of a kind. The order is that of the result: host names before bare IPs, an IP
/// mode before none.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Address<'v> {
    without_hostname: bool,
    hostname: &'v str,
    ip: &'v str,
    without_mode: bool,
    mode: Option<&'v str>,
}

type Port<'v> = (i64, &'v str, Option<&'v str>);

/// The addresses of a Service of type LoadBalancer; any other Service is left alone.
pub fn aggregate_service(template: Object, items: &[StatusItem]) -> Result<Object> {
    if template.cursor().str(&["spec", "type"])? != Some("LoadBalancer") {
        return Ok(template);
    }
    aggregate(template, items, true)
}

/// The addresses of an Ingress.
pub fn aggregate_ingress(template: Object, items: &[StatusItem]) -> Result<Object> {
    aggregate(template, items, false)
}

fn aggregate(mut template: Object, items: &[StatusItem], modes: bool) -> Result<Object> {
    let mut addresses = BTreeMap::new();
    for (cluster, status) in statuses(items) {
        gather(&mut addresses, status, modes).map_err(|error| of_cluster(cluster, error))?;
    }
    let ingress: Vec<Value> = addresses.into_iter().map(|(address, ports)| write(&address, ports)).collect();
    let root = template.cursor();
    let old = root.list(&["status", "loadBalancer", "ingress"])?;
    if old == ingress && root.map(&["status"])?.is_none_or(|status| status.keys().all(|key| key == "loadBalancer")) {
        return Ok(template);
    }
    let mut balancer = Map::new();
    if !ingress.is_empty() {
        balancer.insert("ingress".to_owned(), Value::Array(ingress));
    }
    let status = Map::from_iter([("loadBalancer".to_owned(), Value::Object(balancer))]);
    template.0.insert("status".to_owned(), Value::Object(status));
    Ok(template)
}

fn gather<'v>(
    addresses: &mut BTreeMap<Address<'v>, BTreeSet<Port<'v>>>,
    status: &'v Value,
    modes: bool,
) -> std::result::Result<(), outrigger_object::Error> {
    let status = Cursor::of_value(status);
    let balancer = status.at(&["loadBalancer"])?;
    for ingress in balancer.items(&["ingress"])? {
        let hostname = ingress.str(&["hostname"])?.unwrap_or_default();
        let mode = if modes { ingress.str(&["ipMode"])? } else { None };
        let address = Address {
            without_hostname: hostname.is_empty(),
            hostname,
            ip: ingress.str(&["ip"])?.unwrap_or_default(),
            without_mode: mode.is_none(),
            mode,
        };
        let ports = addresses.entry(address).or_default();
        for port in ingress.items(&["ports"])? {
            let number = port.int(&["port"])?.unwrap_or_default();
            ports.insert((number, port.str(&["protocol"])?.unwrap_or_default(), port.str(&["error"])?));
        }
    }
    Ok(())
}

fn write(address: &Address, ports: BTreeSet<Port>) -> Value {
    let mut written = Map::new();
    let texts = [("hostname", Some(address.hostname)), ("ip", Some(address.ip)), ("ipMode", address.mode)];
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            written.insert(name.to_owned(), text.into());
        }
    }
    if !ports.is_empty() {
        let ports = ports.into_iter().map(|(number, protocol, error)| {
            let mut port = Map::new();
            port.insert("port".to_owned(), number.into());
            port.insert("protocol".to_owned(), protocol.into());
            if let Some(error) = error {
                port.insert("error".to_owned(), error.into());
            }
            Value::Object(port)
        });
        written.insert("ports".to_owned(), ports.collect());
    }
    Value::Object(written)
}
