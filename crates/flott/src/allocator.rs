//! Where a job's memory comes from, and how it goes back.
//!
//! Records come and go by the batch: thousands of small pieces are asked for in a row and given back in a row, often by
//! another thread. That is the worst case of glibc's allocator, which joins and parts them over and over; a word count
//! spends a third of its time there. A job that wants another allocator turns the default features of this crate off.
//!
//! An allocator keeps what is given back to it, for the next one who asks. Where the memory of the process is divided, what it
//! keeps is missing, so it is told to give it back to the system. There may be two of them: RocksDB is C++ and has its memory
//! from the system's allocator.

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Has the allocators give back to the system what they keep and nobody uses. Takes milliseconds.
#[expect(unsafe_code, reason = "allocators have no safe way to be told")]
pub(crate) fn give_back() {
    #[cfg(feature = "mimalloc")]
    {
        unsafe extern "C" {
            fn mi_collect(force: bool);
        }
        // SAFETY: mimalloc, which is linked, declares it so; it may be called by any thread at any time.
        unsafe { mi_collect(true) };
    }
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(keep: usize) -> i32;
        }
        // SAFETY: glibc, which is linked, declares it so; it may be called by any thread at any time.
        unsafe { malloc_trim(0) };
    }
}
