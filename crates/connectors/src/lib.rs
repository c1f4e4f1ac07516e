//! Sources and sinks, one folder each.
//!
//! | source | |
//! |---|---|
//! | [`collection`] | the elements of a vector |
//! | [`sequence`] | the numbers of a range |
//! | [`datagen`] | what a function makes of 0, 1, 2 and so on, at a rate if wanted |
//! | [`file_source`] | files: one, many by pattern, a folder, a folder that is watched |
//! | [`socket`] | lines of text from a socket |
//!
//! | sink | |
//! |---|---|
//! | [`mod@print`] | standard output or standard error |
//! | [`blackhole`] | nowhere |
//! | [`collect`] | the program that started the job |
//! | [`function`] | a function |
//! | [`file_sink`] | files, exactly once |
//!
//! A connector knows the contract and no format: what a file holds is said by a decoder or an encoder that it is given.

pub mod blackhole;
pub mod collect;
pub mod collection;
pub mod datagen;
pub mod file_sink;
pub mod file_source;
pub mod function;
pub mod print;
pub mod sequence;
pub mod socket;

mod inbox;
mod memory_reader;
mod split_queue;

#[cfg(test)]
mod harness;
#[cfg(test)]
mod plain_text;

pub use blackhole::BlackholeSink;
pub use collect::CollectSink;
pub use collection::CollectionSource;
pub use datagen::DataGeneratorSource;
pub use file_sink::FileSink;
pub use file_source::FileSource;
pub use function::FunctionSink;
pub use print::PrintSink;
pub use sequence::SequenceSource;
pub use socket::SocketTextSource;
