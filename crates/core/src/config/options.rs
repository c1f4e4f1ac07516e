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
        "Where checkpoints are kept: a folder, or a URL such as file:///data/checkpoints. In memory when not set.";
    CHECKPOINTS_RETAINED: usize = "execution.checkpointing.num-retained", "1",
        "How many completed checkpoints are kept.";
    CHECKPOINT_RETENTION: String = "execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION",
        "RETAIN_ON_CANCELLATION or DELETE_ON_CANCELLATION: whether checkpoints outlive a cancelled job. Flink's default is NO_EXTERNALIZED_CHECKPOINTS; Flott keeps them, so that nobody loses state by stopping a job. A failed job keeps its checkpoints in either case.";
    CHECKPOINTING_INCREMENTAL: bool = "execution.checkpointing.incremental", "true",
        "Whether a checkpoint writes only the keyed state that changed since the one before. Flink's default is false.";
    CHECKPOINT_INLINE_THRESHOLD: ByteSize = "execution.checkpointing.data-inline-threshold", "20 kb",
        "State smaller than this is kept in the checkpoint's metadata file.";
    RECOVERY_PATH: String = "execution.state-recovery.path", "",
        "The checkpoint to start from: `latest` or a path.";
    IGNORE_UNCLAIMED_STATE: bool = "execution.state-recovery.ignore-unclaimed-state", "false",
        "Whether a job starts although the checkpoint holds state of operators that it no longer has; that state is dropped.";
    STATE_BACKEND: String = "state.backend.type", "hashmap",
        "Where keyed state is kept: hashmap.";
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
    LOG_LEVEL: String = "env.log.level", "INFO",
        "ERROR, WARN, INFO, DEBUG or TRACE.";
    EXCHANGE_BATCH_ROWS: usize = "flott.exchange.batch-rows", "4096",
        "A batch between two tasks is sent when it has so many rows (what came last may make it larger), or earlier when the input runs dry.";
    EXCHANGE_CHANNEL_BATCHES: usize = "flott.exchange.channel-batches", "4",
        "Most batches that wait in one channel between two subtasks; then the sender waits.";
}
