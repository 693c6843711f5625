//! Size and free space of the file system of a directory.

use std::io;
use std::path::Path;

/// Size of a file system and the space for users other than root, as in `df`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Size in bytes.
    pub size: u64,
    /// Bytes that this user can still write.
    pub free: u64,
}

impl Disk {
    /// Returns the file system of `path`.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = nix::sys::statvfs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
        Ok(Self { size: bytes(found.blocks()), free: bytes(found.blocks_available()) })
    }

    /// True if less than `percent` of the size is free.
    #[must_use]
    pub fn is_below(self, percent: u8) -> bool {
        u128::from(self.free) * 100 < u128::from(self.size) * u128::from(percent)
    }
}

impl std::fmt::Display for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |bytes: u64| bytes >> 20;
        write!(f, "{} of {} MiB are free", mib(self.free), mib(self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u4_disk_is_low_only_below_the_limit() {
        let disk = Disk { size: 1 << 40, free: (1 << 40) / 10 };
        assert!(disk.is_below(11) && !disk.is_below(9) && !disk.is_below(0));
        assert!(Disk { size: u64::MAX, free: 0 }.is_below(1));
        assert!(
            !Disk { size: 0, free: 0 }.is_below(100),
            "a file system without a size is never low"
        );
        assert!(Disk::of(Path::new("/")).unwrap().size > 0);
    }
}
