//! Image references, `[registry/]repository[:tag|@digest]`, and changes of one component.

use outrigger_api::policy::{ImageComponent, ImageOverrider, OverriderOperator};
use serde_json::Value;

use super::pods;

/// Changes the image at the predicate's path, or those of all containers of a known workload.
pub(super) fn apply(object: &mut Value, overrider: &ImageOverrider) -> Result<(), String> {
    if let Some(predicate) = &overrider.predicate {
        let path = &predicate.path;
        let slot = object.pointer_mut(path).ok_or_else(|| format!("there is no {path}"))?;
        let Value::String(image) = slot else { return Err(format!("{path} is not a string")) };
        *image = changed(image, overrider)?;
        return Ok(());
    }
    let Some(containers) = pods::containers(object).and_then(|path| object.pointer_mut(path)?.as_array_mut()) else {
        return Ok(());
    };
    for container in containers {
        let Some(image) = container["image"].as_str() else { continue };
        container["image"] = Value::from(changed(image, overrider)?);
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Image {
    registry: String,
    repository: String,
    tag: String,
    digest: String,
}

impl Image {
    /// Splits a reference. Beside a tag, a digest is dropped.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an image reference");
        if text.is_empty() || text.contains(char::is_whitespace) {
            return Err(wrong());
        }
        let (rest, digest) = text.split_once('@').unwrap_or((text, ""));
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (rest, ""),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
            _ => ("", name),
        };
        if repository.is_empty() || repository.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(wrong());
        }
        let digest = if tag.is_empty() { digest } else { "" };
        let [registry, repository, tag, digest] = [registry, repository, tag, digest].map(str::to_owned);
        Ok(Self { registry, repository, tag, digest })
    }

    fn text(&self) -> String {
        let Self { registry, repository, tag, digest } = self;
        let name = if registry.is_empty() { repository.clone() } else { format!("{registry}/{repository}") };
        match (tag.as_str(), digest.as_str()) {
            ("", "") => name,
            ("", digest) => format!("{name}@{digest}"),
            (tag, _) => format!("{name}:{tag}"),
        }
    }

    /// Sets the tag or the digest, whichever the text is; a text that is neither changes nothing.
    fn set_version(&mut self, text: &str) {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_tag =
            text.len() <= 128 && text.starts_with(word) && text.chars().all(|c| word(c) || c == '.' || c == '-');
        let is_digest = text.split_once(':').is_some_and(|(algorithm, hex)| {
            algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
                && hex.len() >= 32
                && hex.chars().all(|c| c.is_ascii_hexdigit())
        });
        if is_tag {
            (self.tag, self.digest) = (text.to_owned(), String::new());
        } else if is_digest {
            (self.tag, self.digest) = (String::new(), text.to_owned());
        }
    }
}

fn changed(image: &str, overrider: &ImageOverrider) -> Result<String, String> {
    let mut parts = Image::parse(image)?;
    let value = overrider.value.as_str();
    let change = |part: &str| match overrider.operator {
        OverriderOperator::Add => format!("{part}{value}"),
        OverriderOperator::Replace => value.to_owned(),
        OverriderOperator::Remove => String::new(),
    };
    match overrider.component {
        ImageComponent::Registry => parts.registry = change(&parts.registry),
        ImageComponent::Repository => parts.repository = change(&parts.repository),
        ImageComponent::Tag if overrider.operator == OverriderOperator::Remove => {
            (parts.tag, parts.digest) = (String::new(), String::new());
        }
        ImageComponent::Tag => {
            let version = if parts.tag.is_empty() { parts.digest.clone() } else { parts.tag.clone() };
            parts.set_version(&change(&version));
        }
    }
    Ok(parts.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_come_apart() {
        let check = |text: &str, registry: &str, repository: &str, tag: &str, digest: &str| {
            let image = Image::parse(text).unwrap();
            assert_eq!(
                (image.registry.as_str(), image.repository.as_str(), image.tag.as_str(), image.digest.as_str()),
                (registry, repository, tag, digest)
            );
        };
        check("nginx", "", "nginx", "", "");
        check("library/nginx:1.25", "", "library/nginx", "1.25", "");
        check("localhost/nginx", "localhost", "nginx", "", "");
        check("registry.example:5000/a/b:v1", "registry.example:5000", "a/b", "v1", "");
        check("registry.example:5000/a/b", "registry.example:5000", "a/b", "", "");
        check("a/b@sha256:00", "", "a/b", "", "sha256:00");
        check("a/b:v1@sha256:00", "", "a/b", "v1", "");
        assert!(Image::parse("").is_err());
        assert!(Image::parse("UPPER/case").is_err());
    }

    #[test]
    fn components_change() {
        let check =
            |component: ImageComponent, operator: OverriderOperator, value: &str, image: &str, expected: &str| {
                let overrider = ImageOverrider { predicate: None, component, operator, value: value.to_owned() };
                assert_eq!(changed(image, &overrider).as_deref(), Ok(expected), "{overrider:?}");
            };
        use ImageComponent::{Registry, Repository, Tag};
        use OverriderOperator::{Add, Remove, Replace};
        check(Registry, Add, "mirror.local", "nginx:1", "mirror.local/nginx:1");
        check(Registry, Add, ".cn", "ghcr.io/a/b", "ghcr.io.cn/a/b");
        check(Registry, Replace, "mirror.local", "ghcr.io/a/b:1", "mirror.local/a/b:1");
        check(Registry, Remove, "", "ghcr.io/a/b:1", "a/b:1");
        check(Repository, Add, "-slim", "nginx:1", "nginx-slim:1");
        check(Repository, Replace, "x/y", "ghcr.io/a/b:1", "ghcr.io/x/y:1");
        check(Tag, Add, "-rc1", "nginx:1.2", "nginx:1.2-rc1");
        check(Tag, Replace, "2", "nginx:1", "nginx:2");
        check(Tag, Replace, "2", "nginx@sha256:0000", "nginx:2");
        let digest = "sha256:0123456789abcdef0123456789abcdef";
        check(Tag, Replace, digest, "nginx:1", &format!("nginx@{digest}"));
        check(Tag, Replace, "not a tag", "nginx:1", "nginx:1");
        check(Tag, Remove, "", "nginx:1", "nginx");
        check(Tag, Add, "1", "nginx", "nginx:1");
    }
}
