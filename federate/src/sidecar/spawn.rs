//! Making the workload's process: found program, scrubbed environment, own session, dead when the sidecar is.
//!
//! Called while the sidecar has a single thread: the init of a PID namespace is a copy of it that never executes another
//! program, and a copy made beside a second thread could hold that thread's locks for ever.

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
use super::supervise::Ended;
use crate::runtime::StartRequest;

/// Where a program is looked for when neither the image nor the environment says.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// From the kernel's `sched.h`. The constant of `libc` is too narrow for it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Where init keeps its report, once it has closed all it inherited.
const INIT_REPORT: i32 = 3;

/// A workload that has begun.
#[derive(Debug)]
pub struct Spawned {
    /// The child whose end is the workload's end: its main process, or the init of its PID namespace.
    pub child: Pid,
    /// Where the init tells how the main process ended.
    pub report: Option<File>,
    /// Its output, both streams in order.
    pub output: File,
    /// Where its descendants are caught.
    pub container: Container,
}

/// Start the workload, caught in the best way from `wanted` down that works.
pub fn spawn(launch: &StartRequest, dir: &RunDir, wanted: Containment) -> Result<Spawned, Reason> {
    let failed = |text: String| Reason::new(ReasonCode::SpawnFailed, text);
    let program = resolve(launch)?;
    let folder = working_dir(launch, dir)
        .ok_or_else(|| failed("the template's working directory is not in the image".to_owned()))?;
    let shown = launch.argv.first().map_or("", String::as_str);
    // `env` starts, and says only in the log that it finds no such program.
    if let Some(why) = first_line(&program)
        .filter(|line| is_env(line) && line.ends_with('\r'))
        .as_deref()
        .and_then(interpreter_missing)
    {
        return Err(failed(format!("{shown:?} could not be executed: {why}")));
    }
    let (output, writer) = pipe2(OFlag::O_CLOEXEC)
        .map_err(|error| failed(format!("no pipe for its output: {error}")))?;
    let mut last = failed("no way to contain it".to_owned());
    // A way that fails has executed nothing, so the next may be tried.
    for way in wanted.and_lesser() {
        let attempt = Container::create(way, &launch.key, dir).and_then(|container| {
            dir.write(name::CONTAINER, &container)?;
            let command = command(launch, dir, &program, &folder, &writer)?;
            let begun = match (way, &container.cgroup) {
                (Containment::Cgroup, Some(cgroup)) => in_cgroup(command, cgroup),
                (Containment::PidNamespace, _) => under_init(command),
                (Containment::Cgroup | Containment::Session, _) => directly(command),
            };
            match begun {
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
                    // Without it a later sweep falls back to the marker.
                    let _ = dir.write(name::CONTAINER, &container);
                }
                let _ =
                    nix::fcntl::fcntl(&output, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
                return Ok(Spawned { child, report, output: File::from(output), container });
            }
            Err(error) => {
                super::note(format_args!("cannot start it in a {}: {error}", way.as_str()));
                last = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        super::io_reason("start it", &error)
                    }
                    io::ErrorKind::NotFound => {
                        let why = first_line(&program).as_deref().and_then(interpreter_missing);
                        failed(format!(
                            "{shown:?} could not be executed: {}",
                            why.unwrap_or_else(|| error.to_string())
                        ))
                    }
                    _ => failed(format!("{shown:?} could not be executed: {error}")),
                };
            }
        }
    }
    Err(last)
}

/// The first line of a script, without its line feed; `None` for anything else.
fn first_line(program: &Path) -> Option<String> {
    /// The kernel reads no more of it.
    const LINE_BYTES_MAX: u64 = 256;
    let mut head = Vec::new();
    PlainFile::open(program).ok()?.read_start(LINE_BYTES_MAX, &mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(line).into_owned())
}

/// Whether the interpreter is looked for by `env`.
fn is_env(line: &str) -> bool {
    line.split_whitespace().next().is_some_and(|program| program.ends_with("/env"))
}

/// Names the interpreter of a script that the kernel, or `env`, does not find.
fn interpreter_missing(line: &str) -> Option<String> {
    // The kernel separates by blanks and tabs alone, so a carriage return is part of the name.
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let interpreter = if is_env(line) { words.next_back()? } else { words.next()? };
    let remedy = if line.ends_with('\r') {
        ": the file has Windows line ends (CR LF); save it with line feeds alone"
    } else {
        ""
    };
    Some(format!("there is no interpreter {interpreter:?}, which its first line names{remedy}"))
}

/// The program of a launch. It is looked for below the image's root, and an absolute one begins there: an allowed image
/// allows its own programs, not those of the machine.
fn resolve(launch: &StartRequest) -> Result<PathBuf, Reason> {
    let failed = |text: String| Reason::new(ReasonCode::SpawnFailed, text);
    let Some(shown) = launch.argv.first().filter(|program| !program.is_empty()) else {
        return Err(failed(
            "there is no program to execute; give the template a command".to_owned(),
        ));
    };
    let program = Path::new(shown);
    if program.is_absolute() && launch.root().is_none() {
        return Ok(program.to_owned());
    }
    let program = program.strip_prefix("/").unwrap_or(program);
    if program.components().any(|part| part == Component::ParentDir) {
        return Err(failed(format!(
            "{shown:?} leads out of the image; name the program without '..'"
        )));
    }
    let candidates: Vec<PathBuf> = match launch.root() {
        Some(root) => vec![root.join(program), root.join("bin").join(program)],
        None => {
            let path = launch.env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
            std::env::split_paths(path)
                .filter(|folder| folder.is_absolute())
                .map(|folder| folder.join(program))
                .collect()
        }
    };
    let usable = |path: &PathBuf| {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let place = if launch.root().is_some() {
        "in the image, nor in its bin"
    } else {
        "on the PATH of the workload"
    };
    candidates
        .into_iter()
        .find(usable)
        .ok_or_else(|| failed(format!("no program {shown:?} {place}")))
}

/// The whole environment of the workload.
fn environment(launch: &StartRequest, dir: &RunDir) -> BTreeMap<String, std::ffi::OsString> {
    let mut env: BTreeMap<String, std::ffi::OsString> =
        launch.env.iter().map(|(key, value)| (key.clone(), value.into())).collect();
    env.remove("FED_DATA_DIR");
    env.extend(launch.data_dir().map(|data| ("FED_DATA_DIR".to_owned(), data.into())));
    env.insert("FED_OUTPUT_DIR".to_owned(), dir.join(name::OUTPUT).into());
    env.insert("FED_WORK_DIR".to_owned(), dir.join(name::WORK).into());
    env.insert("HOME".to_owned(), dir.join(name::HOME).into());
    env.insert(MARKER.to_owned(), dir.mark(&launch.key).into());
    env
}

/// The working directory: the member's own, or one that the image has.
fn working_dir(launch: &StartRequest, dir: &RunDir) -> Option<PathBuf> {
    let own = dir.join(name::WORK);
    if launch.workdir.is_empty() {
        return Some(own);
    }
    // An image is a directory here, so its own absolute paths begin at its root.
    let wanted = Path::new(&launch.workdir);
    let inside = wanted.strip_prefix("/").unwrap_or(wanted);
    let inside = inside.components().all(|part| part != Component::ParentDir).then_some(inside)?;
    let folder = launch.root().unwrap_or(&own).join(inside);
    folder.is_dir().then_some(folder)
}

fn command(
    launch: &StartRequest,
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
        .args(launch.argv.iter().skip(1))
        .env_clear()
        .envs(environment(launch, dir))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    let hook = move || {
        setsid()?;
        // The sidecar reads its signals from a descriptor and blocks them; the workload must hear a polite SIGTERM.
        SigSet::empty().thread_set_mask()?;
        // Once the sidecar is dead this process is; if it died before the line took effect, we have another parent now.
        let parent = PARENT.load(std::sync::atomic::Ordering::Relaxed);
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid().as_raw() != parent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // Memory of a workload is the party's data: none of it may land on the disk as a core.
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        Ok(())
    };
    // SAFETY: between fork and exec the hook makes system calls only; it neither allocates nor locks.
    unsafe { command.pre_exec(hook) };
    Ok(command)
}

/// The process that forks the workload, as the workload sees it: the sidecar, or init (which is 1 in its namespace).
static PARENT: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

fn directly(mut command: Command) -> io::Result<(Pid, Option<File>)> {
    PARENT.store(nix::unistd::getpid().as_raw(), std::sync::atomic::Ordering::Relaxed);
    let child = command.spawn()?;
    Ok((Pid::from_raw(i32::try_from(child.id()).expect("a pid is positive and small")), None))
}

/// Start it as a child that is born in the cgroup. Moving it there later would wait for a grace period of the kernel's
/// (10 ms and more), and for that time it would be outside.
fn in_cgroup(mut command: Command, cgroup: &Path) -> io::Result<(Pid, Option<File>)> {
    PARENT.store(nix::unistd::getpid().as_raw(), std::sync::atomic::Ordering::Relaxed);
    let folder = File::open(cgroup)?;
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: a structure of numbers, for which 0 means "not wanted".
    let mut wanted: libc::clone_args = unsafe { std::mem::zeroed() };
    wanted.flags = CLONE_INTO_CGROUP;
    wanted.exit_signal = libc::SIGCHLD.unsigned_abs().into();
    wanted.cgroup = folder.as_raw_fd().unsigned_abs().into();
    // SAFETY: as in `under_init`; the arguments live through the call, and their length is told.
    let child =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut wanted, size_of::<libc::clone_args>()) };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let error = command.exec().raw_os_error().unwrap_or(libc::EIO);
            let _ = File::from(writer).write_all(&error.to_ne_bytes());
            // SAFETY: as in `init`.
            unsafe { libc::_exit(1) }
        }
        child => {
            drop(writer);
            let child = Pid::from_raw(i32::try_from(child).expect("a pid fits"));
            let mut told = [0; 4];
            // Closed without a word by the exec, or by a death before it, which looks like one right after it.
            match File::from(reader).read_exact(&mut told) {
                Err(_) => Ok((child, None)),
                Ok(()) => {
                    let _ = waitpid(child, None);
                    Err(io::Error::from_raw_os_error(i32::from_ne_bytes(told)))
                }
            }
        }
    }
}

/// Start it as the child of a new PID namespace's init. The report says "S" (begun) or "E" and the error's number, then
/// four bytes: how the main process ended, as `waitpid` gave it.
fn under_init(command: Command) -> io::Result<(Pid, Option<File>)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    let flags = libc::c_long::from(libc::CLONE_NEWPID | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with no stack given, clone is fork; this process has one thread (see the module).
    let child = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => init(command, reader, writer),
        child => {
            drop(writer);
            let mut report = File::from(reader);
            let mut head = [0; 5];
            let child = Pid::from_raw(i32::try_from(child).expect("a pid fits"));
            let begun = report.read_exact(&mut head[..1]);
            if begun.is_ok() && head[0] == b'S' {
                return Ok((child, Some(report)));
            }
            // No word at all means that init died, and all it may have made with it.
            let told = begun.and_then(|()| report.read_exact(&mut head[1..]));
            let _ = waitpid(child, None);
            told?;
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes([
                head[1], head[2], head[3], head[4],
            ])))
        }
    }
}

/// Process 1 of the workload's namespace: starts it, reaps orphans, tells how it ended. Its own end ends all others.
fn init(mut command: Command, reader: OwnedFd, writer: OwnedFd) -> ! {
    let leave = |code| -> ! {
        // SAFETY: `_exit` is always allowed; it runs no handlers of the process this one is a copy of.
        unsafe { libc::_exit(code) }
    };
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    // A parent outside the namespace shows as 0, dead or alive; a pipe without a reader tells.
    drop(reader);
    let mut writer = File::from(writer);
    let mut look = [PollFd::new(std::os::fd::AsFd::as_fd(&writer), PollFlags::empty())];
    if poll(&mut look, PollTimeout::ZERO) != Ok(0) {
        leave(1);
    }
    PARENT.store(1, std::sync::atomic::Ordering::Relaxed);
    let main = match command.spawn() {
        Ok(main) => i32::try_from(main.id()).unwrap_or(-1),
        Err(error) => {
            let mut told = vec![b'E'];
            told.extend(error.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes());
            let _ = writer.write_all(&told);
            leave(1)
        }
    };
    // The copy holds the sidecar's lock, sockets and pipes: a dead sidecar must not look alive, nor the log unfinished.
    // SAFETY: nothing but the report is used from here on, and this process never returns to the owners of the others.
    unsafe {
        libc::dup2(writer.as_raw_fd(), INIT_REPORT);
        libc::close_range((INIT_REPORT + 1).unsigned_abs(), libc::c_uint::MAX, 0);
    }
    let tell = |bytes: &[u8]| {
        // SAFETY: the buffer is as long as is said.
        unsafe { libc::write(INIT_REPORT, bytes.as_ptr().cast(), bytes.len()) }
    };
    tell(b"S");
    loop {
        match wait_any(0) {
            Ok(Some((pid, status))) if pid == main => {
                tell(&status.to_ne_bytes());
                leave(0)
            }
            Err(Errno::ECHILD) => leave(1),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Take one dead child, whichever: its number and how it ended. Not nix's, which knows no real-time signals.
pub fn wait_any(options: i32) -> Result<Option<(i32, i32)>, Errno> {
    let mut status = 0;
    // SAFETY: the status is written to a place that lives through the call.
    match Errno::result(unsafe { libc::waitpid(-1, &raw mut status, options) })? {
        0 => Ok(None),
        pid => Ok(Some((pid, status))),
    }
}

impl Spawned {
    /// What the end of the child says of the main process.
    pub fn ended(&mut self, status: i32) -> Ended {
        let mut told = [0; 4];
        let status = match self.report.as_mut().map(|report| report.read_exact(&mut told)) {
            Some(Ok(())) => i32::from_ne_bytes(told),
            // An init that was killed leaves no word: then its own end is the workload's.
            Some(Err(_)) | None => status,
        };
        if libc::WIFEXITED(status) {
            Ended::Code(libc::WEXITSTATUS(status))
        } else {
            Ended::Signal(libc::WTERMSIG(status))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{ImageSource, ProgressSource, WorkKey};
    use flow_domain::member::Role;
    use flow_domain::template::Resources;

    fn launch(argv: &[&str], image_root: Option<&Path>) -> StartRequest {
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
        }
    }

    #[test]
    fn a_relative_program_is_found_by_the_root_of_its_image_and_nowhere_else() {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(root.path().join("bin")).expect("bin");
        let tool = root.path().join("bin/tool");
        std::fs::write(&tool, "#!/bin/sh\n").expect("a program");
        assert!(resolve(&launch(&["tool"], Some(root.path()))).is_err(), "not executable");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
        assert_eq!(resolve(&launch(&["tool"], Some(root.path()))), Ok(tool));
        for bad in ["sh", "../bin/tool", "", "bin"] {
            let reason = resolve(&launch(&[bad], Some(root.path()))).expect_err(bad);
            assert_eq!(reason.code, ReasonCode::SpawnFailed);
            let shown = root.path().display().to_string();
            assert!(
                !reason.message.contains(&shown),
                "a path of the party's in {:?}",
                reason.message
            );
        }
        assert!(resolve(&launch(&["sh"], None)).is_ok_and(|found| found.is_absolute()));
    }

    #[test]
    fn b14_a_script_with_windows_line_ends_names_the_interpreter_that_is_missing() {
        let folder = tempfile::tempdir().expect("a directory");
        let script = folder.path().join("script");
        for (head, named) in [
            ("#!/bin/bash\r\nexit 0\r\n", r#"no interpreter "/bin/bash\r""#),
            ("#!/usr/bin/env python3\r\n", r#"no interpreter "python3\r""#),
            ("#! /opt/none/python3 -u\n", r#"no interpreter "/opt/none/python3""#),
        ] {
            std::fs::write(&script, head).expect("a script");
            let line = first_line(&script).expect("a script's line");
            let why = interpreter_missing(&line).expect("named");
            assert!(
                why.contains(named) && why.contains("Windows line ends") == head.contains('\r'),
                "{why}"
            );
        }
        std::fs::write(&script, b"\x7fELF").expect("a program");
        assert_eq!(first_line(&script), None);
    }

    #[test]
    fn the_places_of_the_contract_cannot_be_overridden_by_the_spec() {
        let env = environment(&launch(&["sh"], None), &RunDir::at("/run/x"));
        assert_eq!(env["HOME"], "/run/x/home");
        assert_eq!(env["KEY"], "value");
        assert_eq!(env[MARKER], *format!("{}-1@/run/x", "0".repeat(32)));
        assert!(!env.contains_key("PATH"));
    }
}
