//! Exhausted resources for a process under test: full or closed outputs, and no free file
//! descriptors.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write as _, pipe};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

/// An output on a full disk.
pub fn full_output() -> OwnedFd {
    File::options().write(true).open("/dev/full").expect("Linux has it").into()
}

/// A pipe with a closed reader.
pub fn closed_pipe() -> OwnedFd {
    pipe().expect("a pipe").1.into()
}

/// A full pipe. The caller must keep the reader and not read.
pub fn stuck_pipe() -> (PipeReader, OwnedFd) {
    let (reader, mut writer): (PipeReader, PipeWriter) = pipe().expect("a pipe");
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("an open pipe");
    while writer.write(&[b'x'; 4096]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).expect("an open pipe");
    (reader, writer.into())
}

/// Prevents a process from opening further files. Open descriptors stay open; dropping the result
/// restores the limit.
#[must_use]
pub fn without_descriptors(pid: u32) -> WithoutDescriptors {
    // Descriptors below it are the standard ones.
    WithoutDescriptors { pid, limit: limit_open_files(pid, 3) }
}

/// A process that cannot open files.
#[derive(Debug)]
pub struct WithoutDescriptors {
    pid: u32,
    limit: u64,
}

impl Drop for WithoutDescriptors {
    fn drop(&mut self) {
        limit_open_files(self.pid, self.limit);
    }
}

/// Returns the previous limit.
fn limit_open_files(pid: u32, limit: u64) -> u64 {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let pid = i32::try_from(pid).expect("a pid is small");
    // SAFETY: both structures live as long as the call.
    let done = unsafe {
        libc::prlimit(pid, libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut old);
        let new = libc::rlimit { rlim_cur: limit, ..old };
        libc::prlimit(pid, libc::RLIMIT_NOFILE, &raw const new, std::ptr::null_mut())
    };
    // It may have ended.
    let _ = Errno::result(done);
    old.rlim_cur
}
