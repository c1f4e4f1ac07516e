//! The rule of layers: a crate depends on strictly lower layers only, so siblings never see each other.
//!
//! Edges come from `cargo metadata`. Normal and build dependencies of every crate must go down; a dev-dependency may
//! also name the crate itself, and those of the crates at the top (tests, tools) are free. A few foreign crates are
//! confined to the crates that are about them.

use super::Report;
use crate::Failure;
use crate::program::{cargo, output};
use crate::tree::Tree;
use serde_json::Value;
use std::path::Path;

/// The table, lowest layer first. A new crate gets its place here, in an ADR, and nowhere else.
pub(crate) const LAYERS: &[&[&str]] = &[
    &["core"],
    &["env"],
    &["state"],
    &["api"],
    &["graph", "formats", "operators", "functions", "connectors", "rocksdb", "savepoint", "platforms"],
    &["runtime", "protocol", "datastream", "sql"],
    &["jobmanager", "taskmanager", "gateway"],
    &["flott"],
    &["tests", "sim", "benches", "xtask"],
];

/// Foreign crates, by the start of their names, and the only crates that may know them.
const CONFINED: &[(&str, &[&str])] = &[
    ("datafusion", &["sql", "functions", "operators", "savepoint"]),
    ("object_store", &["env", "state", "connectors", "savepoint"]),
    ("axum", &["gateway", "flott"]),
    ("clap", &["flott"]),
    ("timely", &["benches"]),
    ("rocksdb", &["rocksdb"]),
];

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// Its name in the layer table: `core` for `flott-core`.
    pub(crate) name: String,
    pub(crate) description: String,
    /// Its manifest, from the root.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) package: String,
    pub(crate) is_dev: bool,
}

/// The crates of the workspace, by name.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>, Failure> {
    let text = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| format!("cargo metadata is not JSON: {e}"))?;
    let mut packages: Vec<Package> =
        value["packages"].as_array().into_iter().flatten().map(|package| read(package, root)).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

fn read(package: &Value, root: &Path) -> Package {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let manifest = text(&package["manifest_path"]);
    let dependency =
        |value: &Value| Dependency { package: text(&value["name"]), is_dev: value["kind"].as_str() == Some("dev") };
    Package {
        name: house_name(&text(&package["name"])),
        description: text(&package["description"]),
        manifest: Path::new(&manifest).strip_prefix(root).map_or(manifest.clone(), |p| p.display().to_string()),
        dependencies: package["dependencies"].as_array().into_iter().flatten().map(dependency).collect(),
    }
}

/// The name in the layer table of a package.
fn house_name(package: &str) -> String {
    package.strip_prefix("flott-").unwrap_or(package).to_owned()
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

pub(super) fn check(tree: &Tree, packages: &[Package], report: &mut Report) {
    for package in packages {
        let Some(own) = layer(&package.name) else {
            report.finding(
                &package.manifest,
                1,
                format!(
                    "crate `{}` has no layer, so its edges cannot be checked; \
                     give it a place in LAYERS of xtask/src/tidy/layers.rs and say why in an ADR",
                    package.name
                ),
            );
            continue;
        };
        let is_top = own + 1 == LAYERS.len();
        let folder = if is_top { package.name.clone() } else { format!("crates/{}", package.name) };
        if package.manifest != format!("{folder}/Cargo.toml") {
            report.finding(
                &package.manifest,
                1,
                format!(
                    "crate `{}` stands in the wrong folder, the folder list is the architecture; move it to {folder}/",
                    package.name
                ),
            );
        }
        for dependency in &package.dependencies {
            let line = line_of(tree, &package.manifest, &dependency.package);
            if let Some(problem) = judge(package, own, is_top, dependency, packages) {
                report.finding(&package.manifest, line, problem);
            }
        }
    }
}

/// What is wrong with an edge.
fn judge(from: &Package, own: usize, is_top: bool, to: &Dependency, packages: &[Package]) -> Option<String> {
    if is_top && to.is_dev {
        return None;
    }
    let name = house_name(&to.package);
    // A foreign crate may be called what the house crate about it is: `rocksdb`.
    let is_ours = to.package == "flott" || to.package != name;
    if !is_ours || !packages.iter().any(|package| package.name == name) {
        let (_, allowed) = CONFINED.iter().find(|(start, _)| to.package.starts_with(start))?;
        return (!is_top && !to.is_dev && !allowed.contains(&from.name.as_str())).then(|| {
            format!(
                "`{}` depends on `{}`, which only {} may know; put what needs it there",
                from.name,
                to.package,
                allowed.join(", ")
            )
        });
    }
    let theirs = layer(&name)?;
    // The examples in the docs of the builder API run the jobs they build, which takes the whole product.
    let is_doc_example = to.is_dev && from.name == "datastream" && name == "flott";
    let is_fine = theirs < own || (to.is_dev && name == from.name) || is_doc_example;
    (!is_fine).then(|| {
        format!(
            "`{}` (layer {own}) depends on `{name}` (layer {theirs}), and an edge must go to a lower \
             layer; move what both need into a lower crate, or hand it in from above",
            from.name
        )
    })
}

/// The line of the manifest that names the dependency, or 1.
fn line_of(tree: &Tree, manifest: &str, dependency: &str) -> usize {
    let Some(file) = tree.file(manifest) else { return 1 };
    let names_it = |line: &str| {
        line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            || line.ends_with(&format!(".{dependency}]"))
    };
    file.lines().find(|(_, line)| names_it(line)).map_or(1, |(n, _)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let folder = if LAYERS[LAYERS.len() - 1].contains(&name) { String::new() } else { "crates/".to_owned() };
        Package {
            name: name.to_owned(),
            description: String::new(),
            manifest: format!("{folder}{name}/Cargo.toml"),
            dependencies: dependencies
                .iter()
                .map(|(package, is_dev)| Dependency { package: (*package).to_owned(), is_dev: *is_dev })
                .collect(),
        }
    }

    fn findings(packages: &[Package]) -> Vec<String> {
        let mut report = Report::default();
        check(&Tree::default(), packages, &mut report);
        report.findings().to_vec()
    }

    #[test]
    fn edges_go_down() {
        let core = package("core", &[("serde", false)]);
        let graph = package("graph", &[("flott-core", false), ("flott-graph", true)]);
        let formats = package("formats", &[("flott-graph", false)]);
        let up = package("env", &[("flott-graph", true)]);
        assert_eq!(findings(&[core.clone(), graph.clone()]), [""; 0]);
        assert!(
            findings(&[core.clone(), graph.clone(), formats])[0].contains("`formats` (layer 4) depends on `graph`")
        );
        assert!(findings(&[core, graph, up])[0].contains("`env` (layer 1)"));
    }

    #[test]
    fn the_top_may_use_anything_in_its_tests_only() {
        let sim = package("sim", &[]);
        assert_eq!(findings(&[sim.clone(), package("tests", &[("flott-sim", true)])]), [""; 0]);
        assert_eq!(findings(&[sim, package("tests", &[("flott-sim", false)])]).len(), 1);
    }

    #[test]
    fn unknown_and_confined_crates_are_named() {
        assert!(findings(&[package("common", &[])])[0].contains("has no layer"));
        let rocksdb = package("rocksdb", &[("rocksdb", false)]);
        assert_eq!(findings(std::slice::from_ref(&rocksdb)), [""; 0]);
        assert!(findings(&[rocksdb, package("state", &[("rocksdb", false)])])[0].contains("only rocksdb may know"));
        assert!(
            findings(&[package("core", &[("datafusion-expr", false)])])[0]
                .contains("only sql, functions, operators, savepoint")
        );
    }
}
