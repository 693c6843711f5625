//! Spawns the workload: it resolves the program, builds the environment, and starts a process with
//! a session of its own that dies with the sidecar.
//!
//! The caller has a single thread: the init of a PID namespace is a copy of the sidecar that never
//! executes another program, and a copy made beside a second thread could hold that thread's locks
//! forever.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use flow_common::plain_file::PlainFile;
use flow_domain::member::{Reason, ReasonCode};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getppid, pipe2, setsid};

use super::container::{Container, Containment, MARKER, Process, stat};
use super::rundir::{RunDir, name, private_dir};
use super::supervise::MainExit;
use crate::workload::StartRequest;

/// Search path of a program if neither the image nor the environment has one.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// From the kernel's `sched.h`. The type of libc's constant is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Descriptor of init's report after init has closed every inherited one.
const REPORT_FD: i32 = 3;

/// A spawned workload.
#[derive(Debug)]
pub struct Spawned {
    /// The child whose exit is the workload's exit: the main process, or the init of its PID
    /// namespace.
    pub child: Pid,
    /// Pipe on which init reports the exit of the main process.
    pub report: Option<File>,
    /// Standard output and standard error, in order.
    pub output: File,
    pub container: Container,
}

/// Spawns the workload in the best containment from `wanted` down that works.
pub fn spawn(request: &StartRequest, dir: &RunDir, wanted: Containment) -> Result<Spawned, Reason> {
    let failed = |text: String| Reason::new(ReasonCode::SpawnFailed, text);
    let program = resolve(request)?;
    let folder = working_dir(request, dir).ok_or_else(|| {
        failed(
            "the working directory of the template is not in the image; correct workdir of the \
                 template"
                .to_owned(),
        )
    })?;
    let program_name = request.argv.first().map_or("", String::as_str);
    // `env` itself starts and reports a missing program only in the log.
    if let Some(cause) = first_line(&program)
        .filter(|line| is_env(line) && line.ends_with('\r'))
        .as_deref()
        .and_then(interpreter_missing)
    {
        return Err(failed(format!("{program_name:?} could not be executed: {cause}")));
    }
    let (output, writer) = pipe2(OFlag::O_CLOEXEC)
        .map_err(|error| failed(format!("could not create the pipe of the output: {error}")))?;
    let mut last = failed("no containment is available on the party's machine".to_owned());
    // A failed attempt has executed nothing, so the next kind may be tried.
    for containment in wanted.and_lesser() {
        let attempt = Container::create(containment, &request.key, dir).and_then(|container| {
            dir.write(name::CONTAINER, &container)?;
            let command = command(request, dir, &program, &folder, &writer)?;
            let spawned = match (containment, &container.cgroup) {
                (Containment::Cgroup, Some(cgroup)) => spawn_in_cgroup(command, cgroup),
                (Containment::PidNamespace, _) => spawn_under_init(command),
                (Containment::Cgroup | Containment::Session, _) => spawn_directly(command),
            };
            match spawned {
                Ok((child, report)) => Ok((child, report, container)),
                Err(error) => {
                    container.remove();
                    Err(error)
                }
            }
        });
        match attempt {
            Ok((child, report, mut container)) => {
                if report.is_some() {
                    let start = stat(child.as_raw()).map_or(0, |stat| stat.start);
                    container.init = Some(Process { pid: child.as_raw(), start });
                    // Without it a later sweep uses the marker only.
                    let _ = dir.write(name::CONTAINER, &container);
                }
                let _ =
                    nix::fcntl::fcntl(&output, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
                return Ok(Spawned { child, report, output: File::from(output), container });
            }
            Err(error) => {
                super::note(format_args!(
                    "the workload could not be spawned with containment {}: {error}",
                    containment.as_str()
                ));
                last = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        super::io_reason("start the workload", &error)
                    }
                    io::ErrorKind::NotFound => {
                        let cause = first_line(&program).as_deref().and_then(interpreter_missing);
                        failed(format!(
                            "{program_name:?} could not be executed: {}",
                            cause.unwrap_or_else(|| error.to_string())
                        ))
                    }
                    _ => failed(format!(
                        "{program_name:?} could not be executed: {}",
                        execution_fault(&program, &error)
                    )),
                };
            }
        }
    }
    Err(last)
}

/// Explains why the kernel rejected an existing program, with the remedy.
fn execution_fault(program: &Path, error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EACCES) if !is_executable(program) => {
            "it is not executable: run `chmod +x` on it".to_owned()
        }
        Some(libc::EACCES) => match first_line(program) {
            Some(line) => format!(
                "permission denied; its first line names the interpreter {:?}, which is not \
                 executable, or the party's disk forbids programs (noexec)",
                line.split_whitespace().next().unwrap_or_default()
            ),
            None => "permission denied; the party's disk forbids programs (noexec)".to_owned(),
        },
        _ => error.to_string(),
    }
}

/// The interpreter line of a script, without `#!` and line feed; `None` for any other file.
fn first_line(program: &Path) -> Option<String> {
    /// Limit of the kernel.
    const LINE_BYTES_MAX: u64 = 256;
    let mut head = Vec::new();
    PlainFile::open(program).ok()?.read_start(LINE_BYTES_MAX, &mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).into_owned())
}

/// True if `env` searches the interpreter.
fn is_env(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|program| program.ends_with("/env"))
}

/// Describes the interpreter of a script that the kernel or `env` does not find.
fn interpreter_missing(line: &str) -> Option<String> {
    // Only blanks and tabs separate words, so a carriage return is part of the name.
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let interpreter = if is_env(line) { words.next_back()? } else { words.next()? };
    let remedy = if line.ends_with('\r') {
        "the file has Windows line ends (CR LF); save it with line feeds only"
    } else {
        "correct the line, or ask the party to install it"
    };
    Some(format!(
        "its first line names an interpreter that does not exist, {interpreter:?}: {remedy}"
    ))
}

/// Resolves the program of a request below the image's root, also if it is absolute: an allowed
/// image allows its programs, not those of the machine.
fn resolve(request: &StartRequest) -> Result<PathBuf, Reason> {
    let failed = |text: String| Reason::new(ReasonCode::SpawnFailed, text);
    let Some(named) = request.argv.first().filter(|program| !program.is_empty()) else {
        return Err(failed("the template has no command; add one".to_owned()));
    };
    let program = Path::new(named);
    if program.is_absolute() && request.root().is_none() {
        return Ok(program.to_owned());
    }
    let program = program.strip_prefix("/").unwrap_or(program);
    if program.components().any(|part| part == Component::ParentDir) {
        return Err(failed(format!(
            "{named:?} is outside of the image; name the program in the template without '..'"
        )));
    }
    let candidates: Vec<PathBuf> = match request.root() {
        Some(root) => vec![root.join(program), root.join("bin").join(program)],
        None => {
            let path = request.env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
            std::env::split_paths(path)
                .filter(|folder| folder.is_absolute())
                .map(|folder| folder.join(program))
                .collect()
        }
    };
    let place = if request.root().is_some() {
        "is in the image or its directory bin"
    } else {
        "is in the PATH of the workload"
    };
    if let Some(path) = candidates.iter().find(|path| is_executable(path)) {
        return Ok(path.clone());
    }
    let Some(path) = candidates.iter().find(|path| path.is_file()) else {
        return Err(failed(format!(
            "no program {named:?} {place}; correct the command of the template or its image"
        )));
    };
    // The path of the image's root stays at the party.
    let shown = request.root().and_then(|root| path.strip_prefix(root).ok()).unwrap_or(program);
    Err(failed(format!(
        "{named:?} {place}, but it is not executable: run `chmod +x {}` there",
        shown.display()
    )))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn environment(request: &StartRequest, dir: &RunDir) -> BTreeMap<String, std::ffi::OsString> {
    let mut env: BTreeMap<String, std::ffi::OsString> =
        request.env.iter().map(|(key, value)| (key.clone(), value.into())).collect();
    env.remove("FED_DATA_DIR");
    env.extend(request.data_dir().map(|data| ("FED_DATA_DIR".to_owned(), data.into())));
    env.insert("FED_OUTPUT_DIR".to_owned(), dir.join(name::OUTPUT).into());
    env.insert("FED_WORK_DIR".to_owned(), dir.join(name::WORK).into());
    env.insert("HOME".to_owned(), dir.join(name::HOME).into());
    env.insert(MARKER.to_owned(), dir.marker(&request.key).into());
    env
}

/// The working directory: the member's scratch directory, or an existing directory of the image.
fn working_dir(request: &StartRequest, dir: &RunDir) -> Option<PathBuf> {
    let scratch = dir.join(name::WORK);
    if request.workdir.is_empty() {
        return Some(scratch);
    }
    // The image is a directory, so its absolute paths are relative to its root.
    let workdir = Path::new(&request.workdir);
    let inside = workdir.strip_prefix("/").unwrap_or(workdir);
    let inside = inside.components().all(|part| part != Component::ParentDir).then_some(inside)?;
    let folder = request.root().unwrap_or(&scratch).join(inside);
    folder.is_dir().then_some(folder)
}

fn command(
    request: &StartRequest,
    dir: &RunDir,
    program: &Path,
    folder: &Path,
    output: &OwnedFd,
) -> io::Result<Command> {
    for folder in [name::OUTPUT, name::WORK, name::HOME] {
        private_dir(&dir.join(folder))?;
    }
    let mut command = Command::new(program);
    command
        .args(request.argv.iter().skip(1))
        .env_clear()
        .envs(environment(request, dir))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    let hook = move || {
        setsid()?;
        // The sidecar blocks the signals that it reads from a descriptor; the workload must receive
        // SIGTERM.
        SigSet::empty().thread_set_mask()?;
        // The kernel kills this process when the sidecar dies. If the sidecar died before this
        // call, the parent is another process now.
        let parent = PARENT.load(std::sync::atomic::Ordering::Relaxed);
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid().as_raw() != parent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // A core file would write the party's data from the workload's memory to the disk.
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        Ok(())
    };
    // SAFETY: between fork and exec the hook only makes system calls; it neither allocates nor
    // locks.
    unsafe { command.pre_exec(hook) };
    Ok(command)
}

/// Pid of the process that forks the workload, as the workload sees it: the sidecar, or init (1 in
/// its namespace).
static PARENT: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

fn spawn_directly(mut command: Command) -> io::Result<(Pid, Option<File>)> {
    PARENT.store(nix::unistd::getpid().as_raw(), std::sync::atomic::Ordering::Relaxed);
    let child = command.spawn()?;
    Ok((Pid::from_raw(i32::try_from(child.id()).expect("a pid is positive and small")), None))
}

/// Spawns a child in the cgroup. A later move would wait for a grace period of the kernel (10 ms
/// and more), during which the child would be outside.
fn spawn_in_cgroup(mut command: Command, cgroup: &Path) -> io::Result<(Pid, Option<File>)> {
    PARENT.store(nix::unistd::getpid().as_raw(), std::sync::atomic::Ordering::Relaxed);
    let folder = File::open(cgroup)?;
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: a structure of numbers, in which 0 means "not set".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = libc::SIGCHLD.unsigned_abs().into();
    args.cgroup = folder.as_raw_fd().unsigned_abs().into();
    // SAFETY: as in `spawn_under_init`; the arguments live during the call and their length is
    // given.
    let child =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let error = command.exec().raw_os_error().unwrap_or(libc::EIO);
            let _ = File::from(writer).write_all(&error.to_ne_bytes());
            // SAFETY: as in `run_init`.
            unsafe { libc::_exit(1) }
        }
        child => {
            drop(writer);
            let child = Pid::from_raw(i32::try_from(child).expect("a pid fits"));
            let mut error = [0; 4];
            // The exec closes the pipe without data, as does a death before it, which looks like a
            // death right after it.
            match File::from(reader).read_exact(&mut error) {
                Err(_) => Ok((child, None)),
                Ok(()) => {
                    let _ = waitpid(child, None);
                    Err(io::Error::from_raw_os_error(i32::from_ne_bytes(error)))
                }
            }
        }
    }
}

/// Spawns the workload as the child of a new PID namespace's init. The report is "S" (started) or
/// "E" and the error's number, then four bytes: the exit of the main process as `waitpid` returned
/// it.
fn spawn_under_init(command: Command) -> io::Result<(Pid, Option<File>)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    let flags = libc::c_long::from(libc::CLONE_NEWPID | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and a stack, clone is fork; this process has one thread (see the
    // module).
    let child = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => run_init(command, reader, writer),
        child => {
            drop(writer);
            let mut report = File::from(reader);
            let mut head = [0; 5];
            let child = Pid::from_raw(i32::try_from(child).expect("a pid fits"));
            let first = report.read_exact(&mut head[..1]);
            if first.is_ok() && head[0] == b'S' {
                return Ok((child, Some(report)));
            }
            // No report means that init died, and every process in its namespace with it.
            let error = first.and_then(|()| report.read_exact(&mut head[1..]));
            let _ = waitpid(child, None);
            error?;
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes([
                head[1], head[2], head[3], head[4],
            ])))
        }
    }
}

/// Process 1 of the workload's namespace: it spawns the workload, reaps orphans and reports the
/// exit. Its end ends every other process in the namespace.
fn run_init(mut command: Command, reader: OwnedFd, writer: OwnedFd) -> ! {
    let leave = |code| -> ! {
        // SAFETY: `_exit` is always allowed; it runs no handlers of the copied process.
        unsafe { libc::_exit(code) }
    };
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    // A parent outside of the namespace has pid 0, dead or alive; the pipe has no reader if it
    // died.
    drop(reader);
    let mut writer = File::from(writer);
    let mut polled = [PollFd::new(std::os::fd::AsFd::as_fd(&writer), PollFlags::empty())];
    if poll(&mut polled, PollTimeout::ZERO) != Ok(0) {
        leave(1);
    }
    PARENT.store(1, std::sync::atomic::Ordering::Relaxed);
    let main = match command.spawn() {
        Ok(main) => i32::try_from(main.id()).unwrap_or(-1),
        Err(error) => {
            let mut report = vec![b'E'];
            report.extend(error.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes());
            let _ = writer.write_all(&report);
            leave(1)
        }
    };
    // Close the copies of the sidecar's lock, sockets and pipes: with them a dead sidecar would
    // appear alive and the log unfinished.
    unsafe {
        libc::dup2(writer.as_raw_fd(), REPORT_FD);
        super::close_from((REPORT_FD + 1).unsigned_abs());
    }
    let report = |bytes: &[u8]| {
        // SAFETY: the length is that of the buffer.
        unsafe { libc::write(REPORT_FD, bytes.as_ptr().cast(), bytes.len()) }
    };
    report(b"S");
    loop {
        match wait_any(0) {
            Ok(Some((pid, status))) if pid == main => {
                report(&status.to_ne_bytes());
                leave(0)
            }
            Err(Errno::ECHILD) => leave(1),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Reaps one dead child and returns its pid and status. It replaces nix's function, which does not
/// know real-time signals.
pub fn wait_any(options: i32) -> Result<Option<(i32, i32)>, Errno> {
    let mut status = 0;
    // SAFETY: the pointer is valid during the call.
    match Errno::result(unsafe { libc::waitpid(-1, &raw mut status, options) })? {
        0 => Ok(None),
        pid => Ok(Some((pid, status))),
    }
}

impl Spawned {
    /// The exit of the main process, from the exit of the child.
    pub fn main_exit(&mut self, status: i32) -> MainExit {
        let mut reported = [0; 4];
        let status = match self.report.as_mut().map(|report| report.read_exact(&mut reported)) {
            Some(Ok(())) => i32::from_ne_bytes(reported),
            // A killed init reports nothing: its exit counts as the workload's.
            Some(Err(_)) | None => status,
        };
        if libc::WIFEXITED(status) {
            MainExit::Code(libc::WEXITSTATUS(status))
        } else {
            MainExit::Signal(libc::WTERMSIG(status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{ImageSource, ProgressSource, WorkKey};
    use flow_domain::member::Role;
    use flow_domain::template::Resources;

    fn request(argv: &[&str], image_root: Option<&Path>) -> StartRequest {
        StartRequest {
            key: WorkKey { run: "0".repeat(32).parse().expect("an id"), attempt: 1 },
            task: "1".repeat(32).parse().expect("an id"),
            party: "a".parse().expect("a party"),
            role: Role::Trainer,
            digest: None,
            argv: argv.iter().map(|text| (*text).to_owned()).collect(),
            dials: vec![],
            env: BTreeMap::from([
                ("HOME".to_owned(), "/elsewhere".to_owned()),
                ("KEY".to_owned(), "value".to_owned()),
            ]),
            image: image_root.map(|root| ImageSource::Root(root.to_owned())),
            workdir: String::new(),
            data: None,
            resources: Resources::default(),
            max_runtime_s: 60,
            stop_grace_s: 1,
            log_limit_bytes: 1 << 20,
            progress: ProgressSource::MetricsFile,
            origin: None,
        }
    }

    #[test]
    fn relative_program_is_resolved_in_its_image_only() {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(root.path().join("bin")).expect("bin");
        let tool = root.path().join("bin/tool");
        std::fs::write(&tool, "#!/bin/sh\n").expect("a program");
        assert!(resolve(&request(&["tool"], Some(root.path()))).is_err(), "not executable");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
        assert_eq!(resolve(&request(&["tool"], Some(root.path()))), Ok(tool));
        for bad in ["sh", "../bin/tool", "", "bin"] {
            let reason = resolve(&request(&[bad], Some(root.path()))).expect_err(bad);
            assert_eq!(reason.code, ReasonCode::SpawnFailed);
            let shown = root.path().display().to_string();
            assert!(
                !reason.message.contains(&shown),
                "a path of the party in {:?}",
                reason.message
            );
        }
        assert!(resolve(&request(&["sh"], None)).is_ok_and(|found| found.is_absolute()));
    }

    #[test]
    fn b14_error_of_a_script_with_windows_line_ends_names_the_missing_interpreter() {
        let folder = tempfile::tempdir().expect("a directory");
        let script = folder.path().join("script");
        for (head, named) in [
            ("#!/bin/bash\r\nexit 0\r\n", r#"does not exist, "/bin/bash\r""#),
            ("#!/usr/bin/env python3\r\n", r#"does not exist, "python3\r""#),
            ("#! /opt/none/python3 -u\n", r#"does not exist, "/opt/none/python3""#),
        ] {
            std::fs::write(&script, head).expect("a script");
            let line = first_line(&script).expect("a script's line");
            let cause = interpreter_missing(&line).expect("named");
            assert!(
                cause.contains(named) && cause.contains("Windows line ends") == head.contains('\r'),
                "{cause}"
            );
        }
        std::fs::write(&script, b"\x7fELF").expect("a program");
        assert_eq!(first_line(&script), None);
    }

    #[test]
    fn spec_cannot_override_the_directories_of_the_contract() {
        let env = environment(&request(&["sh"], None), &RunDir::at("/run/x"));
        assert_eq!(env["HOME"], "/run/x/home");
        assert_eq!(env["KEY"], "value");
        assert_eq!(env[MARKER], *format!("{}-1@/run/x", "0".repeat(32)));
        assert!(!env.contains_key("PATH"));
    }
}
