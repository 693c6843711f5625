//! Counts the children that are being created, so that less urgent writes wait for them.
//!
//! The parties of a run wait for each other's Pods. When many objects arrive at once, their
//! children are created first; events and first statuses follow.

use tokio::sync::watch;

/// The number of creations in progress. Clones share one count.
#[derive(Clone, Debug)]
pub struct Creations(watch::Sender<usize>);

/// One creation in progress, until this guard is dropped.
#[derive(Debug)]
pub struct CreationGuard(watch::Sender<usize>);

impl Default for Creations {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Creations {
    #[must_use]
    pub fn begin(&self) -> CreationGuard {
        self.0.send_modify(|count| *count += 1);
        CreationGuard(self.0.clone())
    }

    #[must_use]
    pub fn in_progress(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until no creation is in progress.
    pub async fn idle(&self) {
        // An error would mean that the sender is gone; this value holds one.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for CreationGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
