//! TCP passages between the test's network and a machine's: how a test reaches a pod, and a pod what the test started.
//!
//! A socket belongs to the network in which it was made, whoever uses it later; so one thread inside and one listener
//! outside, or the other way round, are all it takes: no addresses, routes or rules on the machine that runs the test.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A machine's network.
#[derive(Clone)]
pub(super) struct Network(Arc<File>);

impl Network {
    pub(super) fn of_process(pid: u32) -> Network {
        Network(Arc::new(File::open(format!("/proc/{pid}/ns/net")).expect("the process lives")))
    }

    /// Moves the calling thread into it, for good. Allocates nothing, so a forked child may call it.
    pub(super) fn enter(&self) -> nix::Result<()> {
        setns(&*self.0, CloneFlags::CLONE_NEWNET)
    }

    /// A listener of this network.
    pub(super) fn listen(&self, address: SocketAddr) -> TcpListener {
        let network = self.clone();
        let listen = move || {
            network.enter().expect("root may enter it");
            TcpListener::bind(address).expect("the address is the machine's")
        };
        std::thread::spawn(listen).join().expect("it does not panic")
    }
}

/// Carries connections until it is dropped.
pub(super) struct Passage {
    _stop: oneshot::Sender<()>,
}

impl Passage {
    /// What comes in at `listener` goes to `to`, an address in `network` or, without one, in the test's.
    pub(super) fn open(listener: TcpListener, network: Option<Network>, to: SocketAddr) -> Passage {
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            if let Some(network) = network {
                network.enter().expect("root may enter it");
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a thread can have a runtime");
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => (),
                    () = carry(listener, to) => (),
                }
            });
        });
        Passage { _stop: stop }
    }
}

async fn carry(listener: TcpListener, to: SocketAddr) {
    listener.set_nonblocking(true).expect("a socket can be so");
    let listener = tokio::net::TcpListener::from_std(listener).expect("it is non-blocking");
    loop {
        let Ok((mut outer, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            // Nobody listens there: the caller sees its connection end.
            let Ok(mut inner) = TcpStream::connect(to).await else { return };
            let _ = (outer.set_nodelay(true), inner.set_nodelay(true));
            let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
        });
    }
}
