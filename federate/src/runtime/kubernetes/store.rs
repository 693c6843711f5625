//! What the cluster shows of this party's objects and pods, kept up to date by watching. A picture, never a proof: it may
//! be a moment old, and while the API server does not answer it is as old as that.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_common::error::root_cause;
use flow_crd::IflearnerJob;
use flow_domain::member::Reason;
use futures::{Stream, StreamExt as _, stream};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::cluster::{Trouble, trouble};
use super::naming;
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
    /// Why the picture of jobs and of pods grows old, since it does.
    blind: watch::Sender<[Option<Reason>; 2]>,
}

/// How a list or a watch goes.
enum Sight {
    /// Something was seen.
    Clear,
    /// It failed, for this reason of the party's own.
    Failed(String),
    /// It fails again and again: what the hub may know of that.
    Blind(Reason),
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

    /// Why the picture grows old, if it does.
    #[must_use]
    pub fn blindness(&self) -> Option<Reason> {
        self.blind.borrow().iter().flatten().next().cloned()
    }

    /// Take down how it goes with one of the two. Answers whether that changes what is told.
    fn sight(&self, which: usize, sight: Sight) -> bool {
        let blind = match sight {
            Sight::Clear => None,
            Sight::Failed(why) => {
                self.trouble.send_replace(why);
                return false;
            }
            Sight::Blind(reason) => Some(reason),
        };
        self.blind
            .send_if_modified(|all| std::mem::replace(&mut all[which], blind.clone()) != blind)
    }

    /// Object and pods of a key; nothing before everything was listed once.
    #[must_use]
    pub fn of(&self, key: &WorkKey) -> Option<Shown> {
        if !self.is_complete() {
            return None;
        }
        let mirrors = self.mirrors();
        let job = mirrors.jobs.now.get(key).and_then(|all| all.values().next().cloned());
        let pods = mirrors
            .pods
            .now
            .get(key)
            .map(|all| all.values().cloned().collect())
            .unwrap_or_default();
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
    /// the picture becomes complete, or begins or ceases to grow old.
    pub async fn follow(
        &self,
        jobs: Api<IflearnerJob>,
        pods: Api<Pod>,
        selector: &str,
        changed: impl Fn(Option<&WorkKey>) + Sync,
    ) {
        let tell = |keys: Vec<WorkKey>| {
            let before = self.is_complete();
            self.taken();
            keys.iter().for_each(|key| changed(Some(key)));
            if !before && self.is_complete() {
                changed(None);
            }
        };
        let changed = &changed;
        let sight = |which| {
            move |sight| {
                if self.sight(which, sight) {
                    changed(None);
                }
            }
        };
        let jobs = events(jobs, selector, sight(0)).for_each(|event| {
            // The template is as large as it likes, and nothing is read there.
            let event = event.modify(|job| job.spec.template = PodTemplateSpec::default());
            let keys = self.mirrors().jobs.take(event);
            tell(keys);
            std::future::ready(())
        });
        let pods = events(pods, selector, sight(1)).for_each(|event| {
            let event = event.modify(|pod| pod.spec = None);
            let keys = self.mirrors().pods.take(event);
            tell(keys);
            std::future::ready(())
        });
        futures::join!(jobs, pods);
    }
}

/// The events of one kind. It backs off with jitter when the API server has too much to do (429, 5xx), does not answer or
/// does not allow it, and lists again then, as it does when a watch has expired (410): a watch that begins where the one
/// before broke off says nothing until something happens, so nobody would know that it works again. `sight` is told how
/// it goes.
fn events<K>(
    api: Api<K>,
    selector: &str,
    sight: impl Fn(Sight) + Send,
) -> impl Stream<Item = Event<K>> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default().labels(selector);
    let begin = move || watcher(api.clone(), config.clone()).boxed();
    // Failures since anything was seen, and since a watch showed something: it may be that only lists are allowed.
    let state = (begin(), DefaultBackoff::default(), [0, 0], sight, begin);
    stream::unfold(
        state,
        |(mut watching, mut backoff, [mut failures, mut breaks], sight, begin)| async move {
            loop {
                let error = match watching.next().await {
                    Some(Ok(event)) => {
                        // Half a list shows nothing.
                        if !matches!(event, Event::Init | Event::InitApply(_)) {
                            failures = 0;
                            sight(Sight::Clear);
                        }
                        if matches!(event, Event::Apply(_) | Event::Delete(_)) {
                            breaks = 0;
                        }
                        let event = event.modify(|object| object.managed_fields_mut().clear());
                        return Some((
                            event,
                            (watching, backoff, [failures, breaks], sight, begin),
                        ));
                    }
                    Some(Err(error)) => error,
                    None => return None,
                };
                (failures, breaks) = (failures + 1_u32, breaks + 1_u32);
                let kind = K::kind(&());
                sight(Sight::Failed(format!("{}: {}", K::plural(&()), root_cause(&error))));
                // A watch ends now and then, and the next try mends that. An outage is told once, and again ever more rarely.
                let worth = |times: u32| times > 1 && times.is_power_of_two();
                if worth(failures) || worth(breaks) {
                    tracing::warn!(error = %error, cause = %root_cause(&error), %kind, failures, "a watch broke off again; trying again");
                } else {
                    tracing::debug!(error = %error, %kind, failures, "a watch broke off");
                }
                if worth(failures) {
                    sight(Sight::Blind(blindness(error)));
                }
                flow_common::clock::sleep(backoff.next().unwrap_or_default()).await;
                watching = begin();
            }
        },
    )
}

/// What a failed list or watch means for whom it was to show.
fn blindness(error: watcher::Error) -> Reason {
    use watcher::Error::{
        InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed,
    };
    let trouble = match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => trouble(error),
        WatchError(status) => trouble(kube::Error::Api(status)),
        NoResourceVersion => Trouble::Away(io::Error::other(error)),
    };
    trouble.blindness()
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
    fn the_picture_is_old_until_both_kinds_are_seen_again() {
        let store = Store::default();
        let why = |text: &str| Reason::new(flow_domain::member::ReasonCode::RuntimeError, text);
        let told = || store.blindness().map(|reason| reason.message);
        assert!(!store.sight(0, Sight::Clear));
        assert!(
            !store.sight(0, Sight::Failed("10.0.0.1 refused".to_owned())),
            "one failure is nothing"
        );
        assert!(
            store.sight(1, Sight::Blind(why("pods"))) && store.sight(0, Sight::Blind(why("jobs")))
        );
        assert!(!store.sight(0, Sight::Blind(why("jobs"))), "nothing new");
        assert_eq!(told().as_deref(), Some("jobs"));
        assert!(store.sight(0, Sight::Clear));
        assert_eq!(told().as_deref(), Some("pods"));
        assert!(store.sight(1, Sight::Clear));
        assert_eq!(told(), None);
    }

    #[test]
    fn what_a_new_list_does_not_hold_has_gone_and_is_told() {
        let mut mirror = Mirror::default();
        let init = |mirror: &mut Mirror<Pod>, pods: Vec<Pod>| {
            mirror.take(Event::Init);
            for pod in pods {
                assert!(
                    mirror.take(Event::InitApply(pod)).is_empty(),
                    "nothing is concluded from half a list"
                );
            }
            mirror.take(Event::InitDone)
        };
        assert_eq!(
            init(&mut mirror, vec![pod(1, "x"), pod(2, "y"), Pod::default()]),
            [key(1), key(2)]
        );
        assert_eq!(mirror.take(Event::Apply(pod(1, "z"))), [key(1)]);
        assert_eq!(mirror.now[&key(1)].len(), 2, "a pod and its replacement");
        assert_eq!(mirror.take(Event::Delete(pod(2, "y"))), [key(2)]);
        assert!(!mirror.now.contains_key(&key(2)));
        assert_eq!(init(&mut mirror, vec![pod(3, "w")]), [key(1), key(3)]);
        assert!(!mirror.now.contains_key(&key(1)));
    }
}
