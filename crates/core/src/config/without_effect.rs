//! Flink's options that Flott knows and that mean nothing here: they are taken without complaint about a misspelt key,
//! and the job's log says why they change nothing.

/// An option, or all whose keys begin so, and why nothing comes of it.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    (
        "execution.checkpointing.file-merging.across-checkpoint-boundary",
        "a merged file belongs to one checkpoint, so that it goes with it",
    ),
    (
        "execution.checkpointing.file-merging.max-space-amplification",
        "merged files hold what was written together and goes together",
    ),
    ("execution.checkpointing.file-merging.max-subtasks-per-file", "a merged file is one subtask's"),
    ("execution.checkpointing.file-merging.pool-blocking", "there is no pool of files"),
    (
        "state.backend.rocksdb.block.cache-size",
        "all stores share one cache, whose size comes from the process's memory",
    ),
    ("state.backend.rocksdb.bloom-filter.block-based-mode", "RocksDB itself has dropped that kind of filter"),
    ("state.backend.rocksdb.checkpoint.transfer.thread.num", "files are transferred by the checkpoint storage"),
    (
        "state.backend.rocksdb.compaction.filter.query-time-after-num-entries",
        "looking at the time costs nothing, so it is looked at for every entry",
    ),
    (
        "state.backend.rocksdb.incremental-restore-async-compact-after-rescale",
        "what does not belong to a subtask is cut off when its store is opened",
    ),
    (
        "state.backend.rocksdb.memory.fixed-per-slot",
        "all slots share one memory; set state.backend.rocksdb.memory.fixed-per-tm",
    ),
    ("state.backend.rocksdb.memory.high-prio-pool-ratio", "the cache keeps indexes and filters by itself"),
    ("state.backend.rocksdb.memory.managed", "memory is always managed"),
    ("state.backend.rocksdb.metrics.", "every figure that costs nothing is reported, and no other"),
    ("state.backend.rocksdb.options-factory", "it names a Java class; set the single options"),
    ("state.backend.rocksdb.predefined-options", "the defaults are tuned already; set the single options"),
    ("state.backend.rocksdb.rescaling.use-delete-files-in-range", "that is always done"),
    ("state.backend.rocksdb.restore-overlap-fraction-threshold", "the snapshot that overlaps most is always the base"),
    ("state.backend.rocksdb.timer-service.", "timers are kept like all other state"),
    ("state.backend.rocksdb.use-ingest-db-restore-mode", "that is always done"),
    ("state.backend.rocksdb.write-batch-size", "batches are as large as what there is to write"),
];

/// Why nothing comes of setting `key`, if it is such an option.
pub(super) fn why(key: &str) -> Option<&'static str> {
    let names = |name: &str| if name.ends_with('.') { key.starts_with(name) } else { key == name };
    WITHOUT_EFFECT.iter().find(|(name, _)| names(name)).map(|(_, why)| *why)
}
