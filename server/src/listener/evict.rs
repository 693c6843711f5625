//! Eviction: when all slots of a listener are taken, the connection that has waited longest for its
//! peer makes room for the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::requests::{ConnectionRequests, PeerWait};

/// The connections of a listener.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections {
    next_id: Arc<AtomicU64>,
    open: Arc<Mutex<HashMap<u64, Connection>>>,
}

#[derive(Debug)]
struct Connection {
    requests: ConnectionRequests,
    evicted: CancellationToken,
}

/// The entry of one connection; removed on drop.
#[derive(Debug)]
pub(super) struct Entry {
    connections: Connections,
    id: u64,
    /// Cancelled when the connection must end.
    pub(super) evicted: CancellationToken,
}

impl Connections {
    pub(super) fn enter(&self, requests: ConnectionRequests) -> Entry {
        let (id, evicted) =
            (self.next_id.fetch_add(1, Ordering::Relaxed), CancellationToken::new());
        self.open.lock().insert(id, Connection { requests, evicted: evicted.clone() });
        Entry { connections: self.clone(), id, evicted }
    }

    /// Ends the connection that has waited longest, for at least `wait_min`, for a peer that reads no
    /// response; without such a one, the connection that has waited longest for a request. Returns
    /// `false` if there is none.
    pub(super) fn evict(&self, wait_min: Duration) -> bool {
        let mut open = self.open.lock();
        let waits = open.iter().filter_map(|(id, connection)| {
            let (kind, since) = connection.requests.peer_wait()?;
            (since.elapsed() >= wait_min).then_some((kind != PeerWait::Response, since, *id))
        });
        let Some((.., id)) = waits.min() else { return false };
        if let Some(connection) = open.remove(&id) {
            connection.evicted.cancel();
        }
        true
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.open.lock().remove(&self.id);
    }
}
