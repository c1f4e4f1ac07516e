//! `config.yaml`: Flink's configuration file, nested or with dotted keys.

#![expect(clippy::disallowed_methods, reason = "the command line reads its file before there is a world to ask")]

use flott_core::{Configuration, Error, Result};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use std::path::{Path, PathBuf};

/// The environment variable that names the folder of the file.
const FOLDER: &str = "FLOTT_CONF_DIR";

/// What the file at `path` sets; without a path, that in the folder named by the environment, if it is there.
///
/// # Errors
/// `Invalid` when the file cannot be read or is not YAML of keys and values.
pub(super) fn load(path: Option<&str>) -> Result<Configuration> {
    let (path, required) = match (path, std::env::var_os(FOLDER)) {
        (Some(path), _) => (PathBuf::from(path), true),
        (None, Some(folder)) => (Path::new(&folder).join("config.yaml"), false),
        (None, None) => return Ok(Configuration::new()),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(|e| Error::invalid(format!("{}: {}", path.display(), e.message()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !required => Ok(Configuration::new()),
        Err(e) => Err(Error::io(path.display(), e)),
    }
}

fn parse(text: &str) -> Result<Configuration> {
    let documents = Yaml::load_from_str(text).map_err(|e| Error::invalid(format!("it is not YAML: {e}")))?;
    let mut config = Configuration::new();
    for document in &documents {
        flatten("", document, &mut config)?;
    }
    Ok(config)
}

fn flatten(prefix: &str, node: &Yaml<'_>, config: &mut Configuration) -> Result<()> {
    match node {
        Yaml::Mapping(entries) => {
            for (key, value) in entries {
                let key = text(key).ok_or_else(|| Error::invalid(format!("a key below `{prefix}` is not text")))?;
                let full = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
                flatten(&full, value, config)?;
            }
            Ok(())
        }
        Yaml::Sequence(items) => {
            let items = items.iter().map(text).collect::<Option<Vec<_>>>();
            let items =
                items.ok_or_else(|| Error::invalid(format!("`{prefix}` is a list of something else than values")))?;
            config.set(prefix, items.join(";"));
            Ok(())
        }
        Yaml::Value(Scalar::Null) => Ok(()),
        other => match text(other) {
            Some(value) if !prefix.is_empty() => {
                config.set(prefix, value);
                Ok(())
            }
            _ => Err(Error::invalid("it is not a list of keys and values")),
        },
    }
}

fn text(node: &Yaml<'_>) -> Option<String> {
    match node {
        Yaml::Value(Scalar::String(s)) => Some(s.to_string()),
        Yaml::Value(Scalar::Integer(n)) => Some(n.to_string()),
        Yaml::Value(Scalar::Boolean(b)) => Some(b.to_string()),
        Yaml::Value(Scalar::FloatingPoint(f)) => Some(f.to_string()),
        Yaml::Representation(s, ..) => Some(s.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_and_dotted_keys_are_the_same() {
        let config = parse("execution:\n  checkpointing:\n    interval: 10 s\nparallelism.default: 4\n").unwrap();
        assert_eq!(config.raw("execution.checkpointing.interval"), Some("10 s"));
        assert_eq!(config.raw("parallelism.default"), Some("4"));
    }

    #[test]
    fn a_broken_file_says_why() {
        assert!(parse("a: [1").unwrap_err().to_string().contains("not YAML"));
        assert!(parse("just text").unwrap_err().to_string().contains("keys and values"));
        assert!(load(Some("no-such-config.yaml")).unwrap_err().to_string().contains("no-such-config.yaml"));
    }
}
