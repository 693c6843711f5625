//! Child processes that cannot outlive the test process, even when that is killed with SIGKILL.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};

type Order = (Command, SyncSender<io::Result<Child>>);

/// Spawns `command` so that the kernel kills it when this process ends.
///
/// The parent-death signal comes when the *thread* that spawned ends, and the test harness runs each test in a thread
/// of its own; so one thread that stays does all the spawning. The signal is lost if the child changes its user.
pub fn spawn_tied(mut command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<SyncSender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = sync_channel::<Order>(0);
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // An asker that has gone away drops the child's handle; the child itself stays tied.
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
    child.recv().expect("the spawner answers every order")
}

/// Makes the kernel kill what `command` starts when the thread that starts it ends.
pub(crate) fn tie(command: &mut Command) {
    let parent = nix::unistd::getpid();
    // SAFETY: prctl and getppid are async-signal-safe and the closure allocates nothing.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            // A parent that died before the line above sends no signal any more.
            if nix::unistd::getppid() == parent { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
        });
    }
}
