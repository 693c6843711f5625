//! The watched objects and Pods of this party. The cache proves nothing: it may be a moment old,
//! and as old as the outage while the API server does not respond.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use flow_common::error::root_cause;
use flow_crd::IflearnerJob;
use flow_domain::member::Reason;
use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use parking_lot::{Mutex, MutexGuard};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::cluster::{ApiFailure, classify};
use super::naming;
use crate::runtime::WorkKey;

/// Objects by key, then by UID.
type ByKey<K> = HashMap<WorkKey, BTreeMap<String, Arc<K>>>;

/// The object of a key and its Pods.
pub type MemberObjects = (Option<Arc<IflearnerJob>>, Vec<Arc<Pod>>);

/// All objects of one kind.
#[derive(Debug)]
struct Index<K> {
    now: ByKey<K>,
    /// The list that is being read; it replaces `now` when it is complete.
    next: Option<ByKey<K>>,
    complete: bool,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self { now: HashMap::new(), next: None, complete: false }
    }
}

impl<K: Resource<DynamicType = ()>> Index<K> {
    /// Applies an event and returns the affected keys.
    fn apply(&mut self, event: Event<K>) -> Vec<WorkKey> {
        match event {
            Event::Apply(object) => put(&mut self.now, object).into_iter().collect(),
            Event::Delete(object) => {
                let Some(key) = naming::key(object.meta()) else { return Vec::new() };
                if let Some(all) = self.now.get_mut(&key) {
                    all.remove(&object.uid().unwrap_or_default());
                    if all.is_empty() {
                        self.now.remove(&key);
                    }
                }
                vec![key]
            }
            Event::Init => {
                self.next = Some(HashMap::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                put(self.next.get_or_insert_default(), object);
                Vec::new()
            }
            Event::InitDone => {
                let before = std::mem::replace(&mut self.now, self.next.take().unwrap_or_default());
                self.complete = true;
                let mut keys: Vec<WorkKey> =
                    before.into_keys().chain(self.now.keys().cloned()).collect();
                keys.sort_unstable();
                keys.dedup();
                keys
            }
        }
    }
}

fn put<K: Resource<DynamicType = ()>>(all: &mut ByKey<K>, object: K) -> Option<WorkKey> {
    let key = naming::key(object.meta())?;
    all.entry(key.clone()).or_default().insert(object.uid().unwrap_or_default(), Arc::new(object));
    Some(key)
}

#[derive(Debug, Default)]
struct Indexes {
    jobs: Index<IflearnerJob>,
    pods: Index<Pod>,
}

#[derive(Debug, Default)]
pub struct WatchCache {
    indexes: Mutex<Indexes>,
    complete: watch::Sender<bool>,
    /// The error of the last failed list or watch.
    last_error: watch::Sender<String>,
    /// The reasons for which the jobs and the Pods in the cache are stale.
    stale: watch::Sender<[Option<Reason>; 2]>,
}

/// The health of a list or a watch.
enum WatchHealth {
    Current,
    /// It failed once, with this error for the party's log.
    Failed(String),
    /// It failed repeatedly, with this reason for the hub.
    Stale(Reason),
}

impl WatchCache {
    fn indexes(&self) -> MutexGuard<'_, Indexes> {
        self.indexes.lock()
    }

    /// True after both kinds were listed once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        *self.complete.borrow()
    }

    /// Waits until both kinds were listed once. Returns the error of the first failure; the watch
    /// retries in any case.
    pub async fn completed(&self) -> Result<(), String> {
        let (mut complete, mut last_error) =
            (self.complete.subscribe(), self.last_error.subscribe());
        // The senders live as long as `self`.
        tokio::select! {
            biased;
            _ = complete.wait_for(|complete| *complete) => Ok(()),
            _ = last_error.changed() => Err(last_error.borrow().clone()),
        }
    }

    /// The reason for which the cache is stale; `None` if it is current.
    #[must_use]
    pub fn staleness(&self) -> Option<Reason> {
        self.stale.borrow().iter().flatten().next().cloned()
    }

    /// Records the health of one kind. Returns `true` if the reported staleness changes.
    fn record_health(&self, which: usize, health: WatchHealth) -> bool {
        let stale = match health {
            WatchHealth::Current => None,
            WatchHealth::Failed(error) => {
                self.last_error.send_replace(error);
                return false;
            }
            WatchHealth::Stale(reason) => Some(reason),
        };
        self.stale
            .send_if_modified(|all| std::mem::replace(&mut all[which], stale.clone()) != stale)
    }

    /// The object and the Pods of a key; `None` before both kinds were listed once.
    #[must_use]
    pub fn of(&self, key: &WorkKey) -> Option<MemberObjects> {
        if !self.is_complete() {
            return None;
        }
        let indexes = self.indexes();
        let job = indexes.jobs.now.get(key).and_then(|all| all.values().next().cloned());
        let pods = indexes
            .pods
            .now
            .get(key)
            .map(|all| all.values().cloned().collect())
            .unwrap_or_default();
        Some((job, pods))
    }

    #[must_use]
    pub fn pod(&self, key: &WorkKey, uid: &str) -> Option<Arc<Pod>> {
        self.indexes().pods.now.get(key)?.get(uid).cloned()
    }

    /// The keys of all objects.
    #[must_use]
    pub fn keys(&self) -> Vec<WorkKey> {
        self.indexes().jobs.now.keys().cloned().collect()
    }

    fn update_complete(&self) {
        let indexes = self.indexes();
        let complete = indexes.jobs.complete && indexes.pods.complete;
        drop(indexes);
        self.complete.send_if_modified(|before| std::mem::replace(before, complete) != complete);
    }

    /// Watches the cluster forever. Calls `changed` with each changed key, and without one when the
    /// cache becomes complete, stale or current.
    pub async fn follow(
        &self,
        jobs: Api<IflearnerJob>,
        pods: Api<Pod>,
        selector: &str,
        changed: impl Fn(Option<&WorkKey>) + Sync,
    ) {
        let notify = |keys: Vec<WorkKey>| {
            let before = self.is_complete();
            self.update_complete();
            keys.iter().for_each(|key| changed(Some(key)));
            if !before && self.is_complete() {
                changed(None);
            }
        };
        let changed = &changed;
        let set_health = |which| {
            move |health| {
                if self.record_health(which, health) {
                    changed(None);
                }
            }
        };
        let jobs = events(jobs, selector, set_health(0)).for_each(|event| {
            // The template may be large and is not used.
            let event = event.modify(|job| job.spec.template = PodTemplateSpec::default());
            let keys = self.indexes().jobs.apply(event);
            notify(keys);
            std::future::ready(())
        });
        let pods = events(pods, selector, set_health(1)).for_each(|event| {
            let event = event.modify(|pod| pod.spec = None);
            let keys = self.indexes().pods.apply(event);
            notify(keys);
            std::future::ready(())
        });
        futures::join!(jobs, pods);
    }
}

/// The events of one kind. After a failure (429, 5xx, no response, forbidden) it retries with
/// backoff and jitter and lists again, as it does after an expired watch (410). It must list: a
/// watch that resumes sends nothing until the next change, so no event would show that it works
/// again. `set_health` gets the health.
fn events<K>(
    api: Api<K>,
    selector: &str,
    set_health: impl Fn(WatchHealth) + Send,
) -> impl Stream<Item = Event<K>> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default().labels(selector);
    let begin = move || watcher(api.clone(), config.clone()).boxed();
    // Failures since the last event, and since the last event of a watch: lists alone may be
    // allowed.
    let state = (begin(), DefaultBackoff::default(), [0, 0], set_health, begin);
    stream::unfold(
        state,
        |(mut watching, mut backoff, [mut failures, mut breaks], set_health, begin)| async move {
            loop {
                let error = match watching.next().await {
                    Some(Ok(event)) => {
                        // An incomplete list proves nothing.
                        if !matches!(event, Event::Init | Event::InitApply(_)) {
                            failures = 0;
                            set_health(WatchHealth::Current);
                        }
                        if matches!(event, Event::Apply(_) | Event::Delete(_)) {
                            breaks = 0;
                        }
                        let event = event.modify(|object| object.managed_fields_mut().clear());
                        return Some((
                            event,
                            (watching, backoff, [failures, breaks], set_health, begin),
                        ));
                    }
                    Some(Err(error)) => error,
                    None => return None,
                };
                (failures, breaks) = (failures + 1_u32, breaks + 1_u32);
                let kind = K::kind(&());
                set_health(WatchHealth::Failed(format!(
                    "{}: {}",
                    K::plural(&()),
                    root_cause(&error)
                )));
                // A watch ends occasionally and the next attempt succeeds. An outage is logged
                // once, then less and less often.
                let should_report = |times: u32| times > 1 && times.is_power_of_two();
                if should_report(failures) || should_report(breaks) {
                    tracing::warn!(error = %error, cause = %root_cause(&error), %kind, failures, "a watch of the cluster failed again; retrying");
                } else {
                    tracing::debug!(error = %error, %kind, failures, "a watch of the cluster ended; retrying");
                }
                if should_report(failures) {
                    set_health(WatchHealth::Stale(staleness(error)));
                }
                flow_common::clock::sleep(backoff.next().unwrap_or_default()).await;
                watching = begin();
            }
        },
    )
}

/// The staleness after a failed list or watch, as the hub may see it.
fn staleness(error: watcher::Error) -> Reason {
    use watcher::Error::{
        InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed,
    };
    let failure = match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => classify(error),
        WatchError(status) => classify(kube::Error::Api(status)),
        NoResourceVersion => ApiFailure::Unavailable(io::Error::other(error)),
    };
    failure.staleness()
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn pod(attempt: u32, uid: &str) -> Pod {
        let labels = [(naming::RUN, "a".repeat(32)), (naming::ATTEMPT, attempt.to_string())];
        let labels = labels.map(|(label, value)| (label.to_owned(), value)).into();
        Pod {
            metadata: ObjectMeta {
                uid: Some(uid.to_owned()),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            ..Pod::default()
        }
    }

    fn key(attempt: u32) -> WorkKey {
        WorkKey { run: "a".repeat(32).parse().expect("an id"), attempt }
    }

    #[test]
    fn cache_is_stale_until_both_kinds_are_current() {
        let cache = WatchCache::default();
        let reason = |text: &str| Reason::new(flow_domain::member::ReasonCode::RuntimeError, text);
        let stale = || cache.staleness().map(|stale| stale.message);
        assert!(!cache.record_health(0, WatchHealth::Current));
        assert!(
            !cache.record_health(0, WatchHealth::Failed("10.0.0.1 refused".to_owned())),
            "one failure does not make it stale"
        );
        assert!(
            cache.record_health(1, WatchHealth::Stale(reason("pods")))
                && cache.record_health(0, WatchHealth::Stale(reason("jobs")))
        );
        assert!(!cache.record_health(0, WatchHealth::Stale(reason("jobs"))), "no change");
        assert_eq!(stale().as_deref(), Some("jobs"));
        assert!(cache.record_health(0, WatchHealth::Current));
        assert_eq!(stale().as_deref(), Some("pods"));
        assert!(cache.record_health(1, WatchHealth::Current));
        assert_eq!(stale(), None);
    }

    #[test]
    fn key_that_is_missing_in_a_new_list_is_reported() {
        let mut index = Index::default();
        let init = |index: &mut Index<Pod>, pods: Vec<Pod>| {
            index.apply(Event::Init);
            for pod in pods {
                assert!(
                    index.apply(Event::InitApply(pod)).is_empty(),
                    "an incomplete list changes nothing"
                );
            }
            index.apply(Event::InitDone)
        };
        assert_eq!(
            init(&mut index, vec![pod(1, "x"), pod(2, "y"), Pod::default()]),
            [key(1), key(2)]
        );
        assert_eq!(index.apply(Event::Apply(pod(1, "z"))), [key(1)]);
        assert_eq!(index.now[&key(1)].len(), 2, "a Pod and its replacement");
        assert_eq!(index.apply(Event::Delete(pod(2, "y"))), [key(2)]);
        assert!(!index.now.contains_key(&key(2)));
        assert_eq!(init(&mut index, vec![pod(3, "w")]), [key(1), key(3)]);
        assert!(!index.now.contains_key(&key(1)));
    }
}
