//! How full the disk under a directory is.

use std::io;
use std::path::Path;

/// A file system, as `df` shows it to a user who is not root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Its size, in bytes.
    pub size: u64,
    /// Bytes that this user may still write.
    pub free: u64,
}

impl Disk {
    /// The file system that holds `path`.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = nix::sys::statvfs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
        Ok(Self { size: bytes(found.blocks()), free: bytes(found.blocks_available()) })
    }

    /// True if less than `percent` of it is free.
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
    fn u4_a_disk_is_low_below_the_mark_only() {
        let disk = Disk { size: 1 << 40, free: (1 << 40) / 10 };
        assert!(disk.is_below(11) && !disk.is_below(9) && !disk.is_below(0));
        assert!(Disk { size: u64::MAX, free: 0 }.is_below(1));
        assert!(
            !Disk { size: 0, free: 0 }.is_below(100),
            "a file system without a size says nothing"
        );
        assert!(Disk::of(Path::new("/")).unwrap().size > 0);
    }
}
