//! The code blocks of `README.md` and of the book as doc tests. Nothing else sees this file.
//!
//! A block that reads folders of its reader's, or has no end, is compiled only: it says `no_run`.

#[doc = include_str!("../../../README.md")]
struct Readme;

#[doc = include_str!("../../../docs/checkpoints.md")]
struct Checkpoints;

#[doc = include_str!("../../../docs/choosing-a-state-backend.md")]
struct ChoosingAStateBackend;

#[doc = include_str!("../../../docs/configuration.md")]
struct Configuration;

#[doc = include_str!("../../../docs/datastream.md")]
struct Datastream;

#[doc = include_str!("../../../docs/differences-from-flink.md")]
struct DifferencesFromFlink;

#[doc = include_str!("../../../docs/file-sink.md")]
struct FileSink;

#[doc = include_str!("../../../docs/getting-started.md")]
struct GettingStarted;

#[doc = include_str!("../../../docs/inspecting-state.md")]
struct InspectingState;

#[doc = include_str!("../../../docs/metrics.md")]
struct Metrics;

#[doc = include_str!("../../../docs/operating.md")]
struct Operating;

#[doc = include_str!("../../../docs/sizing-state.md")]
struct SizingState;

#[doc = include_str!("../../../docs/state.md")]
struct State;

#[doc = include_str!("../../../docs/time-and-watermarks.md")]
struct TimeAndWatermarks;

#[doc = include_str!("../../../docs/watching-state.md")]
struct WatchingState;
