//! The newest overviews of projects in memory: an overview counts all tasks of a project, which takes
//! a tenth of a second for a million of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flow_api_types::Overview;
use flow_common::clock::{Monotonic, monotonic};
use flow_domain::id::ProjectId;
use parking_lot::Mutex;

/// Largest part of the time in which the hub reads one overview: one twentieth.
const READ_SHARE: u32 = 20;
/// Age up to which an overview is reused, however long it took.
const AGE_MAX: Duration = Duration::from_secs(30);
/// Overviews in memory; all are forgotten beyond.
const OVERVIEWS_MAX: usize = 256;

/// Project and hours of an overview.
type Key = (ProjectId, u32);

#[derive(Debug)]
struct Read {
    overview: Arc<Overview>,
    /// The overview is reused until then.
    until: Monotonic,
}

/// The newest overviews. One request reads an overview; others wait for its result.
#[derive(Debug, Default)]
pub(crate) struct Overviews(Mutex<HashMap<Key, Arc<tokio::sync::Mutex<Option<Read>>>>>);

impl Overviews {
    /// Returns the overview from memory, or reads it if it is too old.
    pub(crate) async fn get<E>(
        &self,
        key: Key,
        read: impl Future<Output = Result<Overview, E>>,
    ) -> Result<Arc<Overview>, E> {
        let place = {
            let mut known = self.0.lock();
            if known.len() >= OVERVIEWS_MAX && !known.contains_key(&key) {
                known.clear();
            }
            Arc::clone(known.entry(key).or_default())
        };
        let mut last = place.lock().await;
        let begin = monotonic();
        if let Some(Read { overview, until }) = &*last
            && begin < *until
        {
            return Ok(Arc::clone(overview));
        }
        let overview = Arc::new(read.await?);
        let age = (begin.elapsed() * READ_SHARE).min(AGE_MAX);
        *last = Some(Read { overview: Arc::clone(&overview), until: monotonic() + age });
        Ok(overview)
    }
}
