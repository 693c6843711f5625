//! The facts about the Pods of each IflearnerJob, kept from a watch.
//!
//! Only the facts of a Pod are kept: Pods are the largest and the most frequently written objects
//! of a cluster. The facts of a Pod that ended are kept for a while after its deletion.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flow_common::clock::{Monotonic, monotonic};
use flow_crd::{JOB_ANNOTATION, UID_LABEL};
use futures::{Stream, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use tokio::sync::watch;

use super::observe::{self, PodFacts, PodState};
use crate::cache::paged_watch;

/// Retention of the facts of a deleted Pod. The Job controller deletes a Pod before it writes the
/// consequence to the Job, and lags under load.
const DELETED_POD_RETENTION: Duration = Duration::from_secs(60);
/// Time after the deletion of its Pod in which the state of a job is not evaluated.
const JUST_DELETED_MAX: Duration = Duration::from_secs(15);

type FactsByOwner = HashMap<String, Vec<PodFacts>>;

/// The Pods of all IflearnerJobs. Clones share one cache.
#[derive(Debug, Clone, Default)]
pub struct Pods {
    cache: Arc<Mutex<PodCache>>,
    listed: watch::Sender<bool>,
}

/// The facts by UID of the IflearnerJob.
#[derive(Debug, Default)]
struct PodCache {
    known: FactsByOwner,
    /// The content of a list in progress.
    incoming: FactsByOwner,
    /// Pods that were deleted after they ended, or because the cluster evicted them.
    deleted: HashMap<String, (PodFacts, Monotonic)>,
}

impl Pods {
    /// Returns the cache and the watch that fills it while the stream is polled.
    pub fn watch(
        api: Api<Pod>,
    ) -> (Self, impl Stream<Item = Result<Pod, watcher::Error>> + Send + 'static) {
        let pods = Self::default();
        let (cache, mut listed) = (pods.clone(), Vec::new());
        let changed = move |event| {
            cache.update(&event);
            stream::iter(changed_pods(event, &mut listed).map(Ok))
        };
        let events = watcher(api, paged_watch().labels(UID_LABEL))
            .default_backoff()
            .map_ok(changed)
            .try_flatten();
        (pods, events)
    }

    /// Returns the latest Pod of a job, with the sum of the restarts of all its Pods.
    #[must_use]
    pub fn latest(&self, uid: &str) -> Option<PodFacts> {
        latest(self.locked().known.get(uid)?)
    }

    /// Returns the facts of the last Pod of a job that was deleted recently.
    #[must_use]
    pub fn recently_deleted(&self, uid: &str) -> Option<PodFacts> {
        self.locked().deleted_within(uid, monotonic(), DELETED_POD_RETENTION).cloned()
    }

    #[must_use]
    pub fn was_just_deleted(&self, uid: &str) -> bool {
        self.locked().deleted_within(uid, monotonic(), JUST_DELETED_MAX).is_some()
    }

    /// Waits until the first list of Pods is complete.
    pub async fn ready(&self) {
        // An error would mean that the sender is gone; this value holds one.
        let _ = self.listed.subscribe().wait_for(|listed| *listed).await;
    }

    fn update(&self, event: &Event<Pod>) {
        self.locked().update(event, monotonic());
        if matches!(event, Event::InitDone) {
            self.listed.send_replace(true);
        }
    }

    fn locked(&self) -> MutexGuard<'_, PodCache> {
        self.cache.lock().expect("no thread panics while it holds this lock")
    }
}

/// Returns the Pods that an event changes. The Pods of a list are returned when the list, and with
/// it the cache, is complete.
fn changed_pods(
    event: Event<Pod>,
    listed: &mut Vec<ObjectMeta>,
) -> impl Iterator<Item = Pod> + use<> {
    let mut complete = Vec::new();
    let mut changed = None;
    match event {
        Event::Apply(pod) | Event::Delete(pod) => changed = Some(pod),
        Event::Init => listed.clear(),
        Event::InitApply(pod) => listed.push(owner_metadata(pod)),
        Event::InitDone => complete = std::mem::take(listed),
    }
    changed
        .into_iter()
        .chain(complete.into_iter().map(|metadata| Pod { metadata, ..Pod::default() }))
}

/// Returns the part of the metadata that names the owner of a Pod.
fn owner_metadata(pod: Pod) -> ObjectMeta {
    let ObjectMeta { name, namespace, mut annotations, .. } = pod.metadata;
    annotations
        .iter_mut()
        .for_each(|annotations| annotations.retain(|key, _| key == JOB_ANNOTATION));
    ObjectMeta { name, namespace, annotations, ..ObjectMeta::default() }
}

/// Returns the latest of the Pods of a job, with the sum of their restarts.
#[must_use]
pub fn latest(all: &[PodFacts]) -> Option<PodFacts> {
    let latest = all.iter().max_by(|a, b| (&a.created, &a.name).cmp(&(&b.created, &b.name)))?;
    Some(PodFacts { restarts: all.iter().map(|pod| pod.restarts).sum(), ..latest.clone() })
}

impl PodCache {
    fn update(&mut self, event: &Event<Pod>, now: Monotonic) {
        match event {
            Event::Init => self.incoming = FactsByOwner::new(),
            Event::InitApply(pod) => put(&mut self.incoming, pod, Some(observe::pod(pod))),
            Event::InitDone => self.known = std::mem::take(&mut self.incoming),
            Event::Apply(pod) => put(&mut self.known, pod, Some(observe::pod(pod))),
            Event::Delete(pod) => {
                put(&mut self.known, pod, None);
                self.remember_deleted(pod, now);
            }
        }
    }

    fn remember_deleted(&mut self, pod: &Pod, now: Monotonic) {
        self.deleted.retain(|_, (_, at)| now.since(*at) < DELETED_POD_RETENTION);
        let facts = observe::pod(pod);
        let is_disrupted =
            facts.problem.as_ref().is_some_and(|cause| observe::is_disruption(&cause.reason));
        if let Some(uid) =
            pod.labels().get(UID_LABEL).filter(|_| facts.state == PodState::Ended || is_disrupted)
        {
            self.deleted.insert(uid.clone(), (facts, now));
        }
    }

    fn deleted_within(&self, uid: &str, now: Monotonic, age_max: Duration) -> Option<&PodFacts> {
        self.deleted.get(uid).filter(|(_, at)| now.since(*at) < age_max).map(|(facts, _)| facts)
    }
}

fn put(cache: &mut FactsByOwner, pod: &Pod, facts: Option<PodFacts>) {
    let Some(uid) = pod.labels().get(UID_LABEL) else { return };
    let pods = cache.entry(uid.clone()).or_default();
    pods.retain(|known| known.name != pod.name_any());
    pods.extend(facts);
    if pods.is_empty() {
        cache.remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, second: u8) -> Pod {
        let text = format!(
            "{{metadata: {{name: {name}, labels: {{{UID_LABEL}: u}}, creationTimestamp: '2026-01-01T00:00:0{second}Z'}}, status: {{phase: Running, \
             containerStatuses: [{{name: a, image: i, imageID: '', ready: true, restartCount: 1}}]}}}}"
        );
        serde_yaml_ng::from_str(&text).unwrap()
    }

    #[test]
    fn latest_pod_represents_a_job_and_restarts_are_summed() {
        let pods = Pods::default();
        pods.update(&Event::Apply(pod("old", 1)));
        pods.update(&Event::Apply(pod("new", 2)));
        let latest = pods.latest("u").unwrap();
        assert_eq!((latest.name.as_str(), latest.restarts), ("new", 2));
        pods.update(&Event::Delete(pod("new", 2)));
        assert_eq!(pods.latest("u").unwrap().name, "old");
        pods.update(&Event::Delete(pod("old", 1)));
        assert!(pods.locked().known.is_empty());
    }

    #[test]
    fn facts_of_an_ended_pod_are_kept_after_its_deletion() {
        let (mut pods, now) = (PodCache::default(), monotonic());
        let status = |text: &str| Pod {
            status: Some(serde_yaml_ng::from_str(text).unwrap()),
            ..pod("p", 1)
        };
        pods.update(&Event::Delete(status("{phase: Running}")), now);
        assert_eq!(
            pods.deleted_within("u", now, DELETED_POD_RETENTION),
            None,
            "a running Pod without a disruption is not kept"
        );
        let evicted = "{phase: Running, conditions: [{type: DisruptionTarget, status: 'True', reason: EvictionByEvictionAPI}]}";
        pods.update(&Event::Delete(status(evicted)), now);
        assert_eq!(
            pods.deleted_within("u", now, DELETED_POD_RETENTION)
                .unwrap()
                .problem
                .as_ref()
                .unwrap()
                .reason,
            "EvictionByEvictionAPI"
        );
        let ended = "{phase: Failed, containerStatuses: [{name: a, image: i, imageID: '', ready: false, restartCount: 0, state: {terminated: {exitCode: 143}}}]}";
        pods.update(&Event::Delete(status(ended)), now);
        assert_eq!(
            pods.deleted_within("u", now, DELETED_POD_RETENTION).unwrap().exit_code,
            Some(143)
        );
        assert!(pods.known.is_empty(), "a deleted Pod is not known");
        let later = now + DELETED_POD_RETENTION;
        assert_eq!(pods.deleted_within("u", later, DELETED_POD_RETENTION), None);
        pods.update(&Event::Delete(status("{phase: Running}")), later);
        assert!(pods.deleted.is_empty(), "an expired entry is removed");
    }

    #[test]
    fn pods_of_a_list_are_reported_with_their_owner_when_the_list_is_complete() {
        let mut listed = vec![pod("of an interrupted list", 1).metadata];
        let mut changed = |event| changed_pods(event, &mut listed).collect::<Vec<_>>();
        assert_eq!(changed(Event::Init), []);
        let mut one = pod("p", 1);
        let annotations = [(JOB_ANNOTATION, "a"), ("other", "b")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        one.metadata.annotations = Some(annotations.into());
        assert_eq!(changed(Event::InitApply(one)), []);
        let all = changed(Event::InitDone);
        assert_eq!(
            all.iter().map(|pod| (pod.name_any(), pod.annotations().len())).collect::<Vec<_>>(),
            [("p".to_owned(), 1)]
        );
        assert_eq!((all[0].annotations()[JOB_ANNOTATION].as_str(), &all[0].status), ("a", &None));
        assert_eq!(changed(Event::Apply(pod("q", 1))), [pod("q", 1)]);
    }

    #[test]
    fn complete_list_replaces_the_known_pods() {
        let pods = Pods::default();
        pods.update(&Event::Apply(pod("deleted", 1)));
        pods.update(&Event::Init);
        pods.update(&Event::InitApply(pod("listed", 1)));
        assert_eq!(pods.latest("u").unwrap().name, "deleted");
        pods.update(&Event::InitDone);
        assert_eq!(pods.latest("u").unwrap().name, "listed");
    }
}
