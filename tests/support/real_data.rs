//! Where tests find real captures and chains, which are no part of the project.

use std::path::{Path, PathBuf};

/// A file or folder of the real data: below `HEDGEWIRE_SHARED`, else below `../shared` beside the
/// checkout at `root`. `None`, after saying so loudly, if it is absent; `scripts/test` counts that.
pub fn real_data(root: &Path, name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("HEDGEWIRE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let path = shared.join("data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is absent; set HEDGEWIRE_SHARED to the folder that has data/", path.display());
    None
}
