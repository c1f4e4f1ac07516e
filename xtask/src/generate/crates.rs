//! The crate table: layers from the layer check, one line each from the crates' manifests.

use crate::tidy::{LAYERS, Package};

pub(super) fn table(packages: &[Package]) -> String {
    let mut text = String::from("| layer | crate | one line |\n|---|---|---|\n");
    for (number, layer) in LAYERS.iter().enumerate() {
        for name in *layer {
            if let Some(package) = packages.iter().find(|package| package.name == *name) {
                let folder = package.manifest.trim_end_matches("/Cargo.toml");
                text.push_str(&format!("| {number} | [`{name}`]({folder}/) | {} |\n", package.description));
            }
        }
    }
    text
}
