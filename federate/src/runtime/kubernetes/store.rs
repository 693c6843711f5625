//! What the cluster shows of this party's objects and pods, kept up to date by watching. A picture, never a proof: it may
//! be a moment old, and while the API server does not answer it is as old as that.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_operator::iflearnerjob::api::IflearnerJob;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::naming;
use crate::dial::root_cause;
use crate::runtime::WorkKey;

/// Objects by key, then by UID.
type ByKey<K> = HashMap<WorkKey, BTreeMap<String, Arc<K>>>;

/// The object of a key, and its pods.
pub type Shown = (Option<Arc<IflearnerJob>>, Vec<Arc<Pod>>);

/// All objects of one kind.
#[derive(Debug)]
struct Mirror<K> {
    now: ByKey<K>,
    /// The list that is being read; it replaces what is known when it is complete.
    next: Option<ByKey<K>>,
    complete: bool,
}

impl<K> Default for Mirror<K> {
    fn default() -> Self {
        Self { now: HashMap::new(), next: None, complete: false }
    }
}

impl<K: Resource<DynamicType = ()>> Mirror<K> {
    /// Take an event; answers the keys it is about.
    fn take(&mut self, event: Event<K>) -> Vec<WorkKey> {
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
                let mut keys: Vec<WorkKey> = before.into_keys().chain(self.now.keys().cloned()).collect();
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
struct Mirrors {
    jobs: Mirror<IflearnerJob>,
    pods: Mirror<Pod>,
}

/// Both mirrors.
#[derive(Debug, Default)]
pub struct Store {
    mirrors: Mutex<Mirrors>,
    complete: watch::Sender<bool>,
    /// Why a list or a watch failed last.
    trouble: watch::Sender<String>,
}

impl Store {
    fn mirrors(&self) -> MutexGuard<'_, Mirrors> {
        self.mirrors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether everything was listed once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        *self.complete.borrow()
    }

    /// Waits until everything was listed once. `Err` with the reason as soon as that fails; it is tried again all the same.
    pub async fn completed(&self) -> Result<(), String> {
        let (mut complete, mut trouble) = (self.complete.subscribe(), self.trouble.subscribe());
        // The senders live as long as this.
        tokio::select! {
            biased;
            _ = complete.wait_for(|complete| *complete) => Ok(()),
            _ = trouble.changed() => Err(trouble.borrow().clone()),
        }
    }

    /// Object and pods of a key; nothing before everything was listed once.
    #[must_use]
    pub fn of(&self, key: &WorkKey) -> Option<Shown> {
        if !self.is_complete() {
            return None;
        }
        let mirrors = self.mirrors();
        let job = mirrors.jobs.now.get(key).and_then(|all| all.values().next().cloned());
        let pods = mirrors.pods.now.get(key).map(|all| all.values().cloned().collect()).unwrap_or_default();
        Some((job, pods))
    }

    /// One pod of a key.
    #[must_use]
    pub fn pod(&self, key: &WorkKey, uid: &str) -> Option<Arc<Pod>> {
        self.mirrors().pods.now.get(key)?.get(uid).cloned()
    }

    /// Keys of all objects there are.
    #[must_use]
    pub fn keys(&self) -> Vec<WorkKey> {
        self.mirrors().jobs.now.keys().cloned().collect()
    }

    fn taken(&self) {
        let mirrors = self.mirrors();
        let complete = mirrors.jobs.complete && mirrors.pods.complete;
        drop(mirrors);
        self.complete.send_if_modified(|before| std::mem::replace(before, complete) != complete);
    }

    /// Follow the cluster for ever; `changed` is told each key of which something is new, and nothing in particular when
    /// the picture becomes complete.
    pub async fn follow(&self, jobs: Api<IflearnerJob>, pods: Api<Pod>, selector: &str, changed: impl Fn(Option<&WorkKey>) + Sync) {
        let tell = |keys: Vec<WorkKey>| {
            let before = self.is_complete();
            self.taken();
            keys.iter().for_each(|key| changed(Some(key)));
            if !before && self.is_complete() {
                changed(None);
            }
        };
        let failed = |why| drop(self.trouble.send_replace(why));
        let jobs = events(jobs, selector, failed).for_each(|event| {
            // The template is as large as it likes, and nothing is read there.
            let event = event.modify(|job| job.spec.template = PodTemplateSpec::default());
            let keys = self.mirrors().jobs.take(event);
            tell(keys);
            std::future::ready(())
        });
        let pods = events(pods, selector, failed).for_each(|event| {
            let event = event.modify(|pod| pod.spec = None);
            let keys = self.mirrors().pods.take(event);
            tell(keys);
            std::future::ready(())
        });
        futures::join!(jobs, pods);
    }
}

/// The events of one kind. It lists again when a watch has expired (410), and backs off with jitter when the API server
/// has too much to do (429, 5xx) or does not answer; each time `failed` is told why.
fn events<K>(api: Api<K>, selector: &str, failed: impl Fn(String) + Send) -> impl futures::Stream<Item = Event<K>> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watcher(api, watcher::Config::default().labels(selector)).default_backoff().filter_map(move |event| {
        let event = event.inspect_err(|error| {
            tracing::debug!(error = %error, kind = %K::kind(&()), "a watch broke off");
            failed(format!("{}: {}", K::plural(&()), root_cause(error)));
        });
        std::future::ready(event.ok().map(|event| event.modify(|object| object.managed_fields_mut().clear())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn pod(attempt: u32, uid: &str) -> Pod {
        let labels = [(naming::RUN, "a".repeat(32)), (naming::ATTEMPT, attempt.to_string())];
        let labels = labels.map(|(label, value)| (label.to_owned(), value)).into();
        Pod { metadata: ObjectMeta { uid: Some(uid.to_owned()), labels: Some(labels), ..ObjectMeta::default() }, ..Pod::default() }
    }

    fn key(attempt: u32) -> WorkKey {
        WorkKey { run: "a".repeat(32).parse().expect("an id"), attempt }
    }

    #[test]
    fn what_a_new_list_does_not_hold_has_gone_and_is_told() {
        let mut mirror = Mirror::default();
        let init = |mirror: &mut Mirror<Pod>, pods: Vec<Pod>| {
            mirror.take(Event::Init);
            for pod in pods {
                assert!(mirror.take(Event::InitApply(pod)).is_empty(), "nothing is concluded from half a list");
            }
            mirror.take(Event::InitDone)
        };
        assert_eq!(init(&mut mirror, vec![pod(1, "x"), pod(2, "y"), Pod::default()]), [key(1), key(2)]);
        assert_eq!(mirror.take(Event::Apply(pod(1, "z"))), [key(1)]);
        assert_eq!(mirror.now[&key(1)].len(), 2, "a pod and its replacement");
        assert_eq!(mirror.take(Event::Delete(pod(2, "y"))), [key(2)]);
        assert!(!mirror.now.contains_key(&key(2)));
        assert_eq!(init(&mut mirror, vec![pod(3, "w")]), [key(1), key(3)]);
        assert!(!mirror.now.contains_key(&key(1)));
    }
}
