//! Where a job's memory comes from.
//!
//! Records come and go by the batch: thousands of small pieces are asked for in a row and given back in a row, often by
//! another thread. That is the worst case of glibc's allocator, which joins and parts them over and over; a word count
//! spends a third of its time there. A job that wants another allocator turns the default features of this crate off.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
