//! How much memory the process has, and how much it can have. Linux tells both below `/proc` and `/sys`; elsewhere, and in
//! a simulation, nobody does.

use crate::Env;
use std::path::{Path, PathBuf};

/// Where control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";
/// Larger limits than the memory of any machine stand for none.
const NO_LIMIT: u64 = 1 << 60;

impl Env {
    /// Bytes of memory that the process has now: its resident set, which is what a container's limit is about.
    pub fn resident_bytes(&self) -> Option<u64> {
        if self.is_simulated() { None } else { kib_in("/proc/self/status", "VmRSS:") }
    }

    /// Bytes that the container of this process may have; `None` when nothing limits it.
    pub fn container_limit(&self) -> Option<u64> {
        if self.is_simulated() {
            return None;
        }
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        limit_files(&groups).iter().filter_map(|file| limit_in(file)).min()
    }

    /// Bytes that the machine has to spare now.
    pub fn available_bytes(&self) -> Option<u64> {
        if self.is_simulated() { None } else { kib_in("/proc/meminfo", "MemAvailable:") }
    }
}

/// The number of kB that a file of `/proc` has behind a name, in bytes.
fn kib_in(file: &str, name: &str) -> Option<u64> {
    kib(&std::fs::read_to_string(file).ok()?, name)
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// The files with limits that bind a process which is in these control groups: of its group and of all above it, for
/// both versions of control groups.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => (PathBuf::from(CGROUPS), "memory.max"),
            _ if controllers.split(',').any(|c| c == "memory") => {
                (Path::new(CGROUPS).join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        // Within a container its own group may be mounted as the root, and then the path leads nowhere: the root counts.
        let below = root.join(path.trim_start_matches('/'));
        files.extend(below.ancestors().take_while(|group| group.starts_with(&root)).map(|group| group.join(file)));
    }
    files
}

fn limit_in(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok().filter(|limit| *limit < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_system_are_read() {
        assert_eq!(kib("Name:\tflott\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2 << 20));
        assert_eq!(kib("VmRSS:\t many kB\n", "VmRSS:"), None);
        let files = limit_files("4:memory:/a/b\n1:cpu:/a\n0::/c\n");
        let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        assert_eq!(
            files,
            [
                "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/c/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_knows_its_memory_and_a_simulation_does_not() {
        let env = Env::real().unwrap();
        assert!(env.resident_bytes().unwrap() > 1 << 20);
        assert!(env.available_bytes().unwrap() > 1 << 20);
        Env::run_simulation(1, |env| async move { assert_eq!(env.resident_bytes(), None) }).unwrap();
    }
}
