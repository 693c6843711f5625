//! What is known of the Pods of each job, kept from a watch. Of a Pod only its facts are kept: Pods are the largest and
//! the most often written objects there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use flow_common::clock::{Monotonic, monotonic};
use flow_crd::{JOB_ANNOTATION, UID_LABEL};
use futures::{Stream, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as follow};
use kube::{Api, ResourceExt as _};
use tokio::sync::watch;

use super::observe::{self, PodFacts, PodState};
use crate::cache::by_page;

/// What a Pod said last is kept for so long: the Job controller lets it go before it says what follows for the Job, and is
/// behind where many end at once.
const REMEMBERED: Duration = Duration::from_secs(60);
/// So long nothing is said of a job whose Pod has gone.
const JUST_NOW: Duration = Duration::from_secs(15);

/// Facts by UID of the IflearnerJob.
#[derive(Debug, Clone, Default)]
pub struct Pods {
    shelf: Arc<Mutex<Shelf>>,
    listed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Shelf {
    known: HashMap<String, Vec<PodFacts>>,
    /// Filled by a list that is under way.
    fresh: HashMap<String, Vec<PodFacts>>,
    /// Those that have just gone after they had ended, or because the cluster ended them.
    gone: HashMap<String, (PodFacts, Monotonic)>,
}

impl Pods {
    /// Watch them; the knowledge is new while the stream is polled.
    pub fn follow(
        api: Api<Pod>,
    ) -> (Self, impl Stream<Item = Result<Pod, watcher::Error>> + Send + 'static) {
        let pods = Self::default();
        let (shelf, mut listed) = (pods.clone(), Vec::new());
        let news = move |event| {
            shelf.take(&event);
            stream::iter(news(event, &mut listed).map(Ok))
        };
        let events =
            follow(api, by_page().labels(UID_LABEL)).default_backoff().map_ok(news).try_flatten();
        (pods, events)
    }

    /// The latest Pod of a job, with the restarts of all.
    #[must_use]
    pub fn latest(&self, uid: &str) -> Option<PodFacts> {
        latest(self.locked().known.get(uid)?)
    }

    /// What the last Pod of a job said, which has gone with its end, not long ago.
    #[must_use]
    pub fn last_words(&self, uid: &str) -> Option<PodFacts> {
        self.locked().gone_since(uid, monotonic(), REMEMBERED).cloned()
    }

    /// Whether that was just now.
    #[must_use]
    pub fn has_just_gone(&self, uid: &str) -> bool {
        self.locked().gone_since(uid, monotonic(), JUST_NOW).is_some()
    }

    /// Completes once all Pods are known.
    pub async fn ready(&self) {
        // An error would mean that the sender is gone, which is ours.
        let _ = self.listed.subscribe().wait_for(|listed| *listed).await;
    }

    fn take(&self, event: &Event<Pod>) {
        self.locked().take(event, monotonic());
        if matches!(event, Event::InitDone) {
            self.listed.send_replace(true);
        }
    }

    fn locked(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect("nothing panics while it holds this lock")
    }
}

/// What an event tells of. What a list shows is on the shelf, for whoever looks, once the list is complete.
fn news(event: Event<Pod>, listed: &mut Vec<ObjectMeta>) -> impl Iterator<Item = Pod> + use<> {
    let mut complete = Vec::new();
    let mut touched = None;
    match event {
        Event::Apply(pod) | Event::Delete(pod) => touched = Some(pod),
        Event::Init => listed.clear(),
        Event::InitApply(pod) => listed.push(whose(pod)),
        Event::InitDone => complete = std::mem::take(listed),
    }
    touched
        .into_iter()
        .chain(complete.into_iter().map(|metadata| Pod { metadata, ..Pod::default() }))
}

/// No more of a Pod than whose it is.
fn whose(pod: Pod) -> ObjectMeta {
    let ObjectMeta { name, namespace, mut annotations, .. } = pod.metadata;
    annotations
        .iter_mut()
        .for_each(|annotations| annotations.retain(|key, _| key == JOB_ANNOTATION));
    ObjectMeta { name, namespace, annotations, ..ObjectMeta::default() }
}

/// The latest of the Pods of a job, with the restarts of all.
#[must_use]
pub fn latest(all: &[PodFacts]) -> Option<PodFacts> {
    let latest = all.iter().max_by(|a, b| (&a.created, &a.name).cmp(&(&b.created, &b.name)))?;
    Some(PodFacts { restarts: all.iter().map(|pod| pod.restarts).sum(), ..latest.clone() })
}

impl Shelf {
    fn take(&mut self, event: &Event<Pod>, now: Monotonic) {
        match event {
            Event::Init => self.fresh = HashMap::new(),
            Event::InitApply(pod) => put(&mut self.fresh, pod, Some(observe::pod(pod))),
            Event::InitDone => self.known = std::mem::take(&mut self.fresh),
            Event::Apply(pod) => put(&mut self.known, pod, Some(observe::pod(pod))),
            Event::Delete(pod) => {
                put(&mut self.known, pod, None);
                self.remember(pod, now);
            }
        }
    }

    fn remember(&mut self, pod: &Pod, now: Monotonic) {
        self.gone.retain(|_, (_, at)| now.since(*at) < REMEMBERED);
        let facts = observe::pod(pod);
        let disrupted =
            facts.trouble.as_ref().is_some_and(|why| observe::is_disruption(&why.reason));
        if let Some(uid) =
            pod.labels().get(UID_LABEL).filter(|_| facts.state == PodState::Ended || disrupted)
        {
            self.gone.insert(uid.clone(), (facts, now));
        }
    }

    fn gone_since(&self, uid: &str, now: Monotonic, longest: Duration) -> Option<&PodFacts> {
        self.gone.get(uid).filter(|(_, at)| now.since(*at) < longest).map(|(facts, _)| facts)
    }
}

fn put(shelf: &mut HashMap<String, Vec<PodFacts>>, pod: &Pod, facts: Option<PodFacts>) {
    let Some(uid) = pod.labels().get(UID_LABEL) else { return };
    let pods = shelf.entry(uid.clone()).or_default();
    pods.retain(|known| known.name != pod.name_any());
    pods.extend(facts);
    if pods.is_empty() {
        shelf.remove(uid);
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
    fn the_latest_pod_speaks_for_a_job_and_restarts_are_counted_over_all() {
        let pods = Pods::default();
        pods.take(&Event::Apply(pod("old", 1)));
        pods.take(&Event::Apply(pod("new", 2)));
        let latest = pods.latest("u").unwrap();
        assert_eq!((latest.name.as_str(), latest.restarts), ("new", 2));
        pods.take(&Event::Delete(pod("new", 2)));
        assert_eq!(pods.latest("u").unwrap().name, "old");
        pods.take(&Event::Delete(pod("old", 1)));
        assert!(pods.locked().known.is_empty());
    }

    #[test]
    fn what_a_pod_said_that_was_ended_is_known_for_a_moment_after_it_has_gone() {
        let (mut pods, now) = (Shelf::default(), monotonic());
        let status = |text: &str| Pod {
            status: Some(serde_yaml_ng::from_str(text).unwrap()),
            ..pod("p", 1)
        };
        pods.take(&Event::Delete(status("{phase: Running}")), now);
        assert_eq!(pods.gone_since("u", now, REMEMBERED), None, "nothing follows from it");
        let evicted = "{phase: Running, conditions: [{type: DisruptionTarget, status: 'True', reason: EvictionByEvictionAPI}]}";
        pods.take(&Event::Delete(status(evicted)), now);
        assert_eq!(
            pods.gone_since("u", now, REMEMBERED).unwrap().trouble.as_ref().unwrap().reason,
            "EvictionByEvictionAPI"
        );
        let ended = "{phase: Failed, containerStatuses: [{name: a, image: i, imageID: '', ready: false, restartCount: 0, state: {terminated: {exitCode: 143}}}]}";
        pods.take(&Event::Delete(status(ended)), now);
        assert_eq!(pods.gone_since("u", now, REMEMBERED).unwrap().exit_code, Some(143));
        assert!(pods.known.is_empty(), "it is not there");
        let later = now + REMEMBERED;
        assert_eq!(pods.gone_since("u", later, REMEMBERED), None);
        pods.take(&Event::Delete(status("{phase: Running}")), later);
        assert!(pods.gone.is_empty(), "and takes no room");
    }

    #[test]
    fn what_a_list_shows_is_told_of_when_it_is_complete_and_only_whose_it_is() {
        let mut listed = vec![pod("of a list that broke off", 1).metadata];
        let mut told = |event| news(event, &mut listed).collect::<Vec<_>>();
        assert_eq!(told(Event::Init), []);
        let mut one = pod("p", 1);
        let annotations = [(JOB_ANNOTATION, "a"), ("other", "b")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        one.metadata.annotations = Some(annotations.into());
        assert_eq!(told(Event::InitApply(one)), []);
        let all = told(Event::InitDone);
        assert_eq!(
            all.iter().map(|pod| (pod.name_any(), pod.annotations().len())).collect::<Vec<_>>(),
            [("p".to_owned(), 1)]
        );
        assert_eq!((all[0].annotations()[JOB_ANNOTATION].as_str(), &all[0].status), ("a", &None));
        assert_eq!(told(Event::Apply(pod("q", 1))), [pod("q", 1)]);
    }

    #[test]
    fn a_new_list_replaces_what_was_known_at_its_end() {
        let pods = Pods::default();
        pods.take(&Event::Apply(pod("gone", 1)));
        pods.take(&Event::Init);
        pods.take(&Event::InitApply(pod("there", 1)));
        assert_eq!(pods.latest("u").unwrap().name, "gone");
        pods.take(&Event::InitDone);
        assert_eq!(pods.latest("u").unwrap().name, "there");
    }
}
