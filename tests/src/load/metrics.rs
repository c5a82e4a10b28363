//! How many requests the API server counted.

use std::collections::BTreeMap;

use crate::cluster::Cluster;

/// Requests by verb and resource.
pub type Requests = BTreeMap<(String, String), f64>;

/// Reads `apiserver_request_total`; empty where the server does not show it.
pub async fn requests(hub: &Cluster) -> Requests {
    let Ok(request) = http::Request::get("/metrics").body(Vec::new()) else { return Requests::new() };
    let Ok(text) = hub.client.request_text(request).await else { return Requests::new() };
    let mut requests = Requests::new();
    for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
        let Some((labels, value)) = line.rsplit_once("} ") else { continue };
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let subresource =
            label("subresource").filter(|name| !name.is_empty()).map_or(String::new(), |name| format!("/{name}"));
        let key = (label("verb").unwrap_or_default(), label("resource").unwrap_or_default() + &subresource);
        *requests.entry(key).or_default() += value.parse::<f64>().unwrap_or_default();
    }
    requests
}

/// What came between two readings, watches aside.
pub fn difference(before: &Requests, after: &Requests) -> Requests {
    let mut difference = Requests::new();
    for (key, count) in after {
        let new = count - before.get(key).copied().unwrap_or_default();
        if new > 0.0 && key.0 != "WATCH" && !key.1.is_empty() {
            difference.insert(key.clone(), new);
        }
    }
    difference
}
