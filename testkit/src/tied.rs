//! Child processes that cannot outlive the test process, even when that is killed with SIGKILL.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};

use crate::secrets;

type Order = (Command, SyncSender<io::Result<Child>>);

/// Spawns `command` so that the kernel kills it when this process ends.
///
/// The kernel sends the parent-death signal when the spawning *thread* ends, and the test harness
/// runs each test in its own thread: therefore one permanent thread spawns all children. A child
/// that changes its user loses the signal.
pub fn spawn_tied(mut command: Command) -> io::Result<Child> {
    let is_ours = secrets::is_program_under_test(&command);
    if is_ours {
        secrets::assert_arguments(&command);
    }
    static SPAWNER: OnceLock<Mutex<SyncSender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = sync_channel::<Order>(0);
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // A caller that has ended drops the child's handle; the child stays tied.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    tie(&mut command);
    let (answer, child) = sync_channel(1);
    spawner
        .lock()
        .expect("nothing panics with the lock held")
        .send((command, answer))
        .expect("the spawner never ends");
    let child = child.recv().expect("the spawner answers every order")?;
    if is_ours {
        secrets::watch(child.id());
    }
    Ok(child)
}

/// Makes the kernel kill the child of `command` when the spawning thread ends.
pub(crate) fn tie(command: &mut Command) {
    let parent = nix::unistd::getpid();
    // SAFETY: prctl and getppid are async-signal-safe and the closure allocates nothing.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            // A parent that ended before the call above sends no signal.
            if nix::unistd::getppid() == parent { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
        });
    }
}
