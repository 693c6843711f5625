//! TCP forwarding between the network of the test and that of a machine, so that tests reach Pods
//! and Pods reach tests.
//!
//! A socket belongs to the network namespace in which it was created. Forwarding needs one thread
//! inside and one listener outside, or the reverse, and no addresses, routes or rules on the
//! machine of the test.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// The network namespace of a machine.
#[derive(Clone)]
pub(super) struct Network(Arc<File>);

impl Network {
    pub(super) fn of_process(pid: u32) -> Network {
        Network(Arc::new(File::open(format!("/proc/{pid}/ns/net")).expect("the process lives")))
    }

    /// Moves the calling thread into the network permanently. Allocates nothing, so that a forked
    /// child can call it.
    pub(super) fn enter(&self) -> nix::Result<()> {
        setns(&*self.0, CloneFlags::CLONE_NEWNET)
    }

    /// Creates a listener in this network.
    pub(super) fn listen(&self, address: SocketAddr) -> TcpListener {
        let network = self.clone();
        let listen = move || {
            network.enter().expect("root may enter it");
            TcpListener::bind(address).expect("the address is the machine's")
        };
        std::thread::spawn(listen).join().expect("it does not panic")
    }
}

/// Forwards connections until dropped.
pub(super) struct Passage {
    _stop: oneshot::Sender<()>,
}

impl Passage {
    /// Forwards connections from `listener` to `to`, an address in `network` or, without one, in
    /// the network of the test.
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
            // Without a listener at the target the client's connection ends.
            let Ok(mut inner) = TcpStream::connect(to).await else { return };
            let _ = (outer.set_nodelay(true), inner.set_nodelay(true));
            let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
        });
    }
}
