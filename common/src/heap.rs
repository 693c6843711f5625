//! Settings of the C library's heap for a process with thousands of connections.

/// Size in bytes from which an allocation gets memory pages of its own.
#[cfg(target_env = "gnu")]
const OWN_PAGES_MIN: nix::libc::c_int = 16 * 1024;

/// Gives each allocation of 16 KiB or more memory pages of its own, for the life of the process.
///
/// The h2 library allocates a write buffer of 16 KiB for each connection, of which an idle
/// connection uses a quarter. On pages of its own the unused part takes no resident memory, and the
/// heap does not keep the buffers of a burst. Other C libraries than glibc keep their own limit.
pub fn map_large_allocations() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: mallopt changes a parameter of the allocator and takes its lock.
        let is_set = unsafe { nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, OWN_PAGES_MIN) };
        debug_assert_eq!(is_set, 1, "glibc accepts a threshold of {OWN_PAGES_MIN} bytes");
    }
}
