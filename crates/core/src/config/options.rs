//! Every option that Flott reads, one constant each, and the slice that lists them.

use super::{ByteSize, ConfigOption, OptionInfo};
use std::time::Duration;

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $key:literal, $default:literal, $description:literal;)*) => {
        $(
            #[doc = concat!("`", $key, "`: ", $description)]
            pub const $name: ConfigOption<$kind> = ConfigOption::new($key, $default, $description);
        )*
        /// Every option, in the order of the options page.
        pub const OPTIONS: &[OptionInfo] = &[$($name.info()),*];
    };
}

options! {
    PARALLELISM_DEFAULT: u32 = "parallelism.default", "1",
        "How many subtasks an operator has that does not set its own number.";
    RUNTIME_MODE: String = "execution.runtime-mode", "STREAMING",
        "STREAMING, BATCH (bounded sources only; final results only) or AUTOMATIC (BATCH when every source is bounded).";
    SORTED_INPUTS_MEMORY: ByteSize = "execution.sorted-inputs.memory", "128 mb",
        "In BATCH mode: memory in which a subtask sorts the records of its keyed inputs. What is more goes to temporary files.";
    IO_TMP_DIRS: String = "io.tmp.dirs", "",
        "Folders for temporary files, separated by `,`, `|` or what separates paths on this system; the system's own when not set.";
    MAX_PARALLELISM: u32 = "pipeline.max-parallelism", "",
        "Number of key groups of operators that do not set their own; from the parallelism when not set.";
    OPERATOR_CHAINING: bool = "pipeline.operator-chaining.enabled", "true",
        "Whether neighbouring operators are joined into one task where Flink's rule allows.";
    AUTO_WATERMARK_INTERVAL: Duration = "pipeline.auto-watermark-interval", "200 ms",
        "How often periodic watermark generators emit; 0 ms: after every batch.";
    PIPELINE_NAME: String = "pipeline.name", "",
        "The job's name in logs and metrics, over the one that the program gives.";
    CHECKPOINTING_INTERVAL: Duration = "execution.checkpointing.interval", "",
        "Time between the starts of two checkpoints; no checkpoints when not set.";
    CHECKPOINTING_MODE: String = "execution.checkpointing.mode", "EXACTLY_ONCE",
        "EXACTLY_ONCE (barriers are aligned) or AT_LEAST_ONCE (they are not).";
    UNALIGNED: bool = "execution.checkpointing.unaligned.enabled", "false",
        "Whether barriers overtake the records in front of them, which then become part of the checkpoint: checkpoints stay short under backpressure. With EXACTLY_ONCE only.";
    ALIGNED_TIMEOUT: Duration = "execution.checkpointing.aligned-checkpoint-timeout", "0 ms",
        "With unaligned checkpoints: a checkpoint starts aligned, and its barriers overtake where they have not come through this long after it was triggered; 0 ms: at once.";
    INTERRUPTIBLE_TIMERS: bool = "execution.checkpointing.unaligned.interruptible-timers.enabled", "true",
        "With unaligned checkpoints: whether a barrier may overtake while the timers of one watermark fire. Flink's default is false.";
    CHECKPOINTING_TIMEOUT: Duration = "execution.checkpointing.timeout", "10 min",
        "A checkpoint that takes longer is aborted.";
    CHECKPOINTING_MIN_PAUSE: Duration = "execution.checkpointing.min-pause", "0 ms",
        "Least time between the end of a checkpoint and the start of the next.";
    CHECKPOINTING_TOLERABLE_FAILURES: u32 = "execution.checkpointing.tolerable-failed-checkpoints", "0",
        "How many checkpoints may fail in a row before the job fails.";
    CHECKPOINTS_DIRECTORY: String = "execution.checkpointing.dir", "",
        "Where checkpoints are kept: a folder, or a URL such as file:///data/checkpoints, s3://bucket/checkpoints, gs://bucket/checkpoints or abfss://container@account.dfs.core.windows.net/checkpoints. In memory when not set.";
    CHECKPOINT_STORAGE_REQUEST_TIMEOUT: Duration = "flott.checkpoint-storage.request-timeout", "30 s",
        "A request to remote checkpoint storage that takes longer is made again.";
    CHECKPOINT_STORAGE_RETRY_TIMEOUT: Duration = "flott.checkpoint-storage.retry-timeout", "1 min",
        "How long a request to remote checkpoint storage is made again, after waits that grow, before its error counts.";
    CHECKPOINT_STORAGE_PART_SIZE: ByteSize = "flott.checkpoint-storage.part-size", "8 mb",
        "Larger files go to remote checkpoint storage in parts of this size, a few at a time; at least 5 mb.";
    S3_ACCESS_KEY: String = "s3.access-key", "",
        "Access key for checkpoints on S3. When not set: AWS_ACCESS_KEY_ID, or what the machine or the pod is given.";
    S3_SECRET_KEY: String = "s3.secret-key", "",
        "Secret key for checkpoints on S3. When not set: AWS_SECRET_ACCESS_KEY, or what the machine or the pod is given.";
    S3_ENDPOINT: String = "s3.endpoint", "",
        "Address of a store that speaks the protocol of S3, such as `https://minio.example:9000`; AWS_ENDPOINT_URL, or Amazon when not set.";
    S3_ENDPOINT_REGION: String = "s3.endpoint.region", "",
        "Region of the bucket; AWS_REGION or us-east-1 when not set.";
    S3_PATH_STYLE_ACCESS: bool = "s3.path.style.access", "",
        "Whether the bucket is in the path of a request (true) or in its host name (false); when not set, true with an endpoint of one's own.";
    GCS_KEY_FILE: String = "fs.gs.auth.service.account.json.keyfile", "",
        "Key file of the service account for checkpoints on Google Cloud Storage. When not set: GOOGLE_APPLICATION_CREDENTIALS, or the account of the machine.";
    GCS_ENDPOINT: String = "fs.gs.storage.root.url", "",
        "Address of a store that speaks the protocol of Google Cloud Storage; Google's when not set.";
    AZURE_ENDPOINT: String = "flott.azure.endpoint", "",
        "Address of a store that speaks the protocol of Azure Blob Storage, with the account in its path; Azure's when not set.";
    LOCAL_BACKUP: bool = "execution.checkpointing.local-backup.enabled", "false",
        "Whether a copy of the latest checkpoint's files is kept on a disk of the TaskManager, from which a job restarts without reading remote storage.";
    LOCAL_BACKUP_DIRS: String = "execution.checkpointing.local-backup.dirs", "",
        "Folders for these copies, separated by `,`, `|` or what separates paths on this system; `process.working-dir` when not set, or else those of `io.tmp.dirs`.";
    PROCESS_WORKING_DIR: String = "process.working-dir", "",
        "Folder for what a process leaves to the next one with the same `taskmanager.resource-id`; `io.tmp.dirs` when not set.";
    TASKMANAGER_RESOURCE_ID: String = "taskmanager.resource-id", "",
        "The name of this process, which it keeps when it is started again: then it goes on with the local copies of checkpoint files that the process before it has made. Without a name copies go with the process.";
    SAVEPOINT_DIR: String = "execution.checkpointing.savepoint-dir", "",
        "Where savepoints go that are asked for without a folder: a path or URL, as for checkpoints.";
    CHECKPOINTS_RETAINED: usize = "execution.checkpointing.num-retained", "1",
        "How many completed checkpoints are kept.";
    CHECKPOINT_RETENTION: String = "execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION",
        "RETAIN_ON_CANCELLATION or DELETE_ON_CANCELLATION: whether checkpoints outlive a cancelled job. Flink's default is NO_EXTERNALIZED_CHECKPOINTS; Flott keeps them, so that nobody loses state by stopping a job. A failed job keeps its checkpoints in either case.";
    CHECKPOINTING_INCREMENTAL: bool = "execution.checkpointing.incremental", "true",
        "Whether a checkpoint writes only the keyed state that changed since the one before. Flink's default is false.";
    CHECKPOINT_INLINE_THRESHOLD: ByteSize = "execution.checkpointing.data-inline-threshold", "20 kb",
        "State smaller than this is kept in the checkpoint's metadata file.";
    FILE_MERGING: bool = "execution.checkpointing.file-merging.enabled", "false",
        "Whether the small files of a task in one checkpoint are written as one: fewer objects where much state is larger than `execution.checkpointing.data-inline-threshold` and still small. Not with unaligned checkpoints.";
    FILE_MERGING_MAX_SIZE: ByteSize = "execution.checkpointing.file-merging.max-file-size", "32 mb",
        "Largest merged file. What is larger than an eighth of it gets a file of its own. So much memory is needed in each task while a checkpoint is written, twice if it has keyed state.";
    RECOVERY_PATH: String = "execution.state-recovery.path", "",
        "The checkpoint to start from: `latest` or a path.";
    QUERYABLE_STATE: bool = "queryable-state.enable", "false",
        "Whether the keyed state of the running job may be looked at by key, through its client. A question is answered between two batches; 64 may be under way at once.";
    SQL_MEMORY: ByteSize = "flott.queryable-state.sql.memory", "64 mb",
        "Memory that a question in SQL about the state of the running job may take; one that needs more fails. Beside it, a checkpoint of hashmap is read with the encoded state of one subtask in memory at a time.";
    SQL_TIMEOUT: Duration = "flott.queryable-state.sql.timeout", "1 min",
        "How long a question in SQL about the state of the running job may take, from when it is its turn; files of older checkpoints are deleted behind it.";
    SAVEPOINT_DIFF: String = "flott.savepoint.diff", "",
        "A savepoint or checkpoint to compare the job with: it says what would become of each operator and state, and ends without running anything. `flott savepoint diff` sets it.";
    IGNORE_UNCLAIMED_STATE: bool = "execution.state-recovery.ignore-unclaimed-state", "false",
        "Whether a job starts although the checkpoint holds state of operators that it no longer has; that state is dropped.";
    STATE_BACKEND: String = "state.backend.type", "hashmap",
        "Where keyed state is kept: hashmap (in memory) or rocksdb (on disk, with what is in use in memory).";
    PROCESS_MEMORY: ByteSize = "taskmanager.memory.process.size", "",
        "Memory of the whole process, which everything in it shares as it is needed; 90 % of the container's limit when not set, or half of what the machine has to spare. Other sizes of Flink's memory model are not needed.";
    STATE_WORKING_SET: ByteSize = "flott.state.working-set.size", "",
        "With rocksdb: how much of each operator's state is kept in memory at most in a subtask, as values that are ready to use; as much as the process's memory allows when not set.";
    ROCKSDB_LOCAL_DIRS: String = "state.backend.rocksdb.localdir", "",
        "Folders for RocksDB's files while a job runs, separated as in `io.tmp.dirs`; those of `io.tmp.dirs` when not set.";
    ROCKSDB_MEMORY: ByteSize = "state.backend.rocksdb.memory.fixed-per-tm", "",
        "Most memory of all RocksDB stores of a job in a process: block cache and write buffers; a part of the process's memory that follows the need when not set.";
    ROCKSDB_WRITE_BUFFER_RATIO: f64 = "state.backend.rocksdb.memory.write-buffer-ratio", "0.6",
        "The part of RocksDB's memory that write buffers may take. Flink's default is 0.5.";
    ROCKSDB_PARTITIONED_INDEX: bool = "state.backend.rocksdb.memory.partitioned-index-filters", "false",
        "Whether indexes and filters of RocksDB's files are read in parts; for much state with little memory.";
    ROCKSDB_WRITE_BUFFER_SIZE: ByteSize = "state.backend.rocksdb.writebuffer.size", "",
        "Largest write buffer of one store; from the memory and the number of stores when not set. Flink's default is 64 mb.";
    ROCKSDB_WRITE_BUFFER_COUNT: u32 = "state.backend.rocksdb.writebuffer.count", "2",
        "How many write buffers a store has at most, with those that are being written to disk; then writing waits.";
    ROCKSDB_WRITE_BUFFER_MERGE: u32 = "state.backend.rocksdb.writebuffer.number-to-merge", "1",
        "How many full write buffers are merged when they are written to disk.";
    ROCKSDB_BLOCK_SIZE: ByteSize = "state.backend.rocksdb.block.blocksize", "4 kb",
        "Bytes that are read from a file at a time, before compression.";
    ROCKSDB_METADATA_BLOCK_SIZE: ByteSize = "state.backend.rocksdb.block.metadata-blocksize", "4 kb",
        "Size of the parts of partitioned indexes.";
    ROCKSDB_BLOOM_FILTER: bool = "state.backend.rocksdb.use-bloom-filter", "true",
        "Whether files have a filter that says for most keys that they are not in it. Flink's default is false.";
    ROCKSDB_BLOOM_FILTER_BITS: f64 = "state.backend.rocksdb.bloom-filter.bits-per-key", "10",
        "Bits of the filter for each key.";
    ROCKSDB_COMPACTION_STYLE: String = "state.backend.rocksdb.compaction.style", "UNIVERSAL",
        "UNIVERSAL (writes less) or LEVEL (takes less disk). Flink's default is LEVEL.";
    ROCKSDB_FILE_SIZE: ByteSize = "state.backend.rocksdb.compaction.level.target-file-size-base", "64 mb",
        "Size of the files that compaction writes.";
    ROCKSDB_LEVEL_BASE_SIZE: ByteSize = "state.backend.rocksdb.compaction.level.max-size-level-base", "256 mb",
        "With LEVEL: size of the first level.";
    ROCKSDB_LEVEL_DYNAMIC: bool = "state.backend.rocksdb.compaction.level.use-dynamic-size", "true",
        "With LEVEL: whether the sizes of levels follow that of the last one. Flink's default is false.";
    ROCKSDB_PERIODIC_COMPACTION: Duration = "state.backend.rocksdb.compaction.filter.periodic-compaction-time", "30 d",
        "Files that are older are compacted, so that expired state goes although nothing is written; 0 ms: never.";
    ROCKSDB_COMPRESSION: String = "state.backend.rocksdb.compression.per.level", "NO_COMPRESSION",
        "NO_COMPRESSION or LZ4_COMPRESSION (SNAPPY_COMPRESSION, Flink's default, is taken as that); several, separated by `;`, for the levels from the first on.";
    ROCKSDB_OPEN_FILES: i32 = "state.backend.rocksdb.files.open", "-1",
        "Most files that a store keeps open; -1: all.";
    ROCKSDB_THREADS: u32 = "state.backend.rocksdb.thread.num", "",
        "Threads of the process for flushes and compactions; as many as there are cores, at least 2, when not set. Flink's default is 2.";
    ROCKSDB_LOG_LEVEL: String = "state.backend.rocksdb.log.level", "WARN_LEVEL",
        "DEBUG_LEVEL, INFO_LEVEL, WARN_LEVEL, ERROR_LEVEL, FATAL_LEVEL or HEADER_LEVEL: what RocksDB writes into its own log. Flink's default is INFO_LEVEL.";
    ROCKSDB_LOG_DIR: String = "state.backend.rocksdb.log.dir", "",
        "Folder for RocksDB's logs; that of the store when not set.";
    ROCKSDB_LOG_FILES: u32 = "state.backend.rocksdb.log.file-num", "2",
        "How many files of its log RocksDB keeps. Flink's default is 4.";
    ROCKSDB_LOG_FILE_SIZE: ByteSize = "state.backend.rocksdb.log.max-file-size", "1 mb",
        "Size of one file of RocksDB's log. Flink's default is 25 mb.";
    RESTART_STRATEGY: String = "restart-strategy.type", "",
        "none, fixed-delay, failure-rate or exponential-delay; when not set, exponential-delay with checkpoints and none without.";
    FIXED_DELAY_ATTEMPTS: u32 = "restart-strategy.fixed-delay.attempts", "1",
        "How often fixed-delay restarts the job before it fails for good.";
    FIXED_DELAY_DELAY: Duration = "restart-strategy.fixed-delay.delay", "1 s",
        "How long fixed-delay waits before a restart.";
    FAILURE_RATE_MAX: u32 = "restart-strategy.failure-rate.max-failures-per-interval", "1",
        "How many failures within the interval failure-rate allows.";
    FAILURE_RATE_INTERVAL: Duration = "restart-strategy.failure-rate.failure-rate-interval", "1 min",
        "The interval of failure-rate.";
    FAILURE_RATE_DELAY: Duration = "restart-strategy.failure-rate.delay", "1 s",
        "How long failure-rate waits before a restart.";
    EXPONENTIAL_DELAY_INITIAL: Duration = "restart-strategy.exponential-delay.initial-backoff", "1 s",
        "How long exponential-delay waits before the first restart.";
    EXPONENTIAL_DELAY_MAX: Duration = "restart-strategy.exponential-delay.max-backoff", "1 min",
        "The longest that exponential-delay waits.";
    EXPONENTIAL_DELAY_MULTIPLIER: f64 = "restart-strategy.exponential-delay.backoff-multiplier", "1.5",
        "How much longer each wait of exponential-delay is than the one before.";
    EXPONENTIAL_DELAY_JITTER: f64 = "restart-strategy.exponential-delay.jitter-factor", "0.1",
        "By what part each wait of exponential-delay is varied at random.";
    EXPONENTIAL_DELAY_RESET: Duration = "restart-strategy.exponential-delay.reset-backoff-threshold", "1 h",
        "After this time without failure exponential-delay starts from its first wait again.";
    EXPONENTIAL_DELAY_ATTEMPTS: u32 = "restart-strategy.exponential-delay.attempts-before-reset-backoff", "",
        "How often exponential-delay restarts the job before it fails for good; without end when not set.";
    TASK_CANCELLATION_TIMEOUT: Duration = "task.cancellation.timeout", "3 min",
        "How long a task may take to stop before the job fails for good; 0 waits for ever.";
    METRICS_PROMETHEUS_PORT: u16 = "metrics.reporter.prom.port", "",
        "Port on the loopback address where metrics are served for Prometheus; not served when not set.";
    HOT_KEYS: bool = "flott.metrics.hot-keys.enabled", "true",
        "Whether the ten hottest keys of each keyed operator are shown by name in metrics. The names are parts of records: switch it off where these may not be seen.";
    LOG_LEVEL: String = "env.log.level", "INFO",
        "ERROR, WARN, INFO, DEBUG or TRACE.";
    GATHERED_ROWS: usize = "flott.state.gathered-rows", "65536",
        "Where an operator on a store has to look many keys up, rows that are ready are worked on together, up to so many: each look-up takes less, and a barrier or a timer waits longer. Channels into such operators have room for as many, all together. Not where barriers overtake; 0 switches it off.";
    EXCHANGE_BATCH_ROWS: usize = "flott.exchange.batch-rows", "4096",
        "A batch between two tasks is sent when it has so many rows (what came last may make it larger), or earlier when the input runs dry.";
    EXCHANGE_CHANNEL_BATCHES: usize = "flott.exchange.channel-batches", "4",
        "Most batches that wait in one channel between two subtasks; then the sender waits.";
}
