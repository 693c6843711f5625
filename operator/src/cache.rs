//! A watch kept in memory, together with what this process itself has written and the watch has not shown yet.
//!
//! A reconcile that follows a write closely would otherwise decide from the picture before it: write the same again, or
//! take for missing what it has just made. Both would be harmless here, and both are writes nobody needs.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::ready;
use futures::{Stream, TryStreamExt as _, stream};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, reflector, watcher as watch};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::watch::Sender;

type Key = (String, String);

/// Objects of one page of a list. All kinds are listed at once, and a list that is read keeps its memory: an allocator
/// gives back little of it.
const PAGE: u32 = 50;

/// A watch of everything, to be narrowed.
#[must_use]
pub fn by_page() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

/// The objects of one kind, as newly as this process knows them.
pub struct Cache<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<K>,
    ahead: Arc<Mutex<HashMap<Key, Arc<K>>>>,
    /// The store can tell this too, but wakes only one of those who wait for it.
    listed: Sender<bool>,
    /// Up to this version the watch has shown everything.
    seen: Arc<AtomicU64>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Debug for Cache<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cache<{}>", K::kind(&()))
    }
}

impl<K> Cache<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    /// An empty cache, and the watch that fills it while it is polled. What this process itself wrote is not told again:
    /// whoever wrote knows. `trim` drops what nobody will ask for.
    pub fn follow(
        api: Api<K>,
        config: watcher::Config,
        mut trim: impl FnMut(&mut K) + Send + 'static,
    ) -> (Self, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static) {
        let (store, writer): (Store<K>, Writer<K>) = reflector::store();
        let cache =
            Self { store, ahead: Arc::default(), listed: Sender::default(), seen: Arc::default() };
        let (ahead, listed, seen) =
            (Arc::clone(&cache.ahead), cache.listed.clone(), Arc::clone(&cache.seen));
        let (shown, mut highest_listed) = (cache.store(), 0);
        let events = watch(api, config)
            .default_backoff()
            .modify(move |object| {
                object.managed_fields_mut().clear();
                trim(object);
            })
            .reflect(writer)
            .try_filter(move |event| {
                match event {
                    Event::Apply(object) | Event::Delete(object) => {
                        _ = seen.fetch_max(version(object), Ordering::Relaxed)
                    }
                    Event::InitApply(object) => {
                        highest_listed = version(object).max(highest_listed)
                    }
                    Event::InitDone => _ = seen.fetch_max(highest_listed, Ordering::Relaxed),
                    Event::Init => {}
                }
                let is_echo = caught_up(&mut locked(&ahead), event);
                if matches!(event, Event::InitDone) {
                    listed.send_replace(true);
                }
                ready(!is_echo)
            })
            .map_ok(move |event| stream::iter(news(event, &shown).map(Ok)))
            .try_flatten();
        (cache, events)
    }

    /// The newest known object of this name.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        // In this order: what the watch shows is in the store before it is forgotten here.
        let written = locked(&self.ahead).get(&(namespace.to_owned(), name.to_owned())).cloned();
        let shown = self.store.get(&ObjectRef::new(name).within(namespace));
        written.into_iter().chain(shown).max_by_key(|object| version(&**object))
    }

    /// `seen`, or what came after it. The watch may have caught up with a write since `seen` was taken from it.
    #[must_use]
    pub fn newest(&self, seen: Arc<K>) -> Arc<K> {
        let (namespace, name) = key(&*seen);
        let known = self.get(&namespace, &name).filter(|known| known.uid() == seen.uid());
        known.filter(|known| version(&**known) > version(&*seen)).unwrap_or(seen)
    }

    /// This process wrote the object, and the API server answered with it.
    pub fn wrote(&self, mut object: K) -> Arc<K> {
        object.managed_fields_mut().clear();
        let (key, object) = (key(&object), Arc::new(object));
        // Locked first: what the watch shows from now on finds it here, and ends it.
        let mut ahead = locked(&self.ahead);
        let shown = self.store.get(&ObjectRef::new(&key.1).within(&key.0));
        // The watch has been there, and nothing is left of it.
        let is_gone = shown.is_none() && version(&*object) <= self.seen();
        if !is_gone && shown.is_none_or(|shown| version(&*shown) < version(&*object)) {
            ahead.insert(key, Arc::clone(&object));
        }
        object
    }

    /// Up to this version the watch has shown all objects.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Completes once all objects are known.
    pub async fn ready(&self) {
        // An error would mean that the sender is gone, which is ours.
        let _ = self.listed.subscribe().wait_for(|listed| *listed).await;
    }

    /// The watched objects, for a controller that reads them itself.
    #[must_use]
    pub fn store(&self) -> Store<K> {
        self.store.clone()
    }
}

/// What an event tells of. What a list shows is in the store, for whoever looks, once the list is complete.
fn news<K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static>(
    event: Event<K>,
    store: &Store<K>,
) -> Box<dyn Iterator<Item = K> + Send> {
    match event {
        Event::Apply(object) | Event::Delete(object) => Box::new(std::iter::once(object)),
        Event::Init | Event::InitApply(_) => Box::new(std::iter::empty()),
        Event::InitDone => Box::new(store.state().into_iter().map(|object| K::clone(&object))),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}

fn key<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Resource versions are numbers that grow.
#[must_use]
pub fn version<K: Resource>(object: &K) -> u64 {
    object.resource_version().and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// Forget what the watch has caught up with. Whether that is all the event tells.
fn caught_up<K: Resource>(ahead: &mut HashMap<Key, Arc<K>>, event: &Event<K>) -> bool {
    match event {
        Event::Apply(object) | Event::Delete(object) => {
            let (key, shown) = (key(object), version(object));
            let Some(written) = ahead
                .get(&key)
                .map(|written| version(&**written))
                .filter(|written| *written <= shown)
            else {
                return false;
            };
            ahead.remove(&key);
            written == shown && matches!(event, Event::Apply(_))
        }
        // A deletion may lie between two lists. What was written meanwhile is asked for once more than needed.
        Event::InitDone => {
            ahead.clear();
            false
        }
        // What a list shows is in the store when the list is complete.
        Event::Init | Event::InitApply(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn object(version: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.namespace = Some("n".to_owned());
        object.metadata.name = Some("a".to_owned());
        object.metadata.resource_version = Some(version.to_owned());
        object
    }

    /// A cache of which the watch has shown this version.
    fn that_shows(version: &str) -> (Cache<ConfigMap>, Writer<ConfigMap>) {
        let (store, mut writer) = reflector::store();
        writer.apply_watcher_event(&Event::Apply(object(version)));
        let seen = Arc::new(AtomicU64::new(version.parse().unwrap()));
        (Cache { store, ahead: Arc::default(), listed: Sender::default(), seen }, writer)
    }

    #[test]
    fn what_was_written_and_shown_and_deleted_before_the_answer_came_is_not_there() {
        let (cache, mut writer) = that_shows("10");
        writer.apply_watcher_event(&Event::Delete(object("12")));
        cache.seen.store(12, Ordering::Relaxed);
        cache.wrote(object("11"));
        assert_eq!(cache.get("n", "a"), None);
        cache.wrote(object("13"));
        assert!(cache.get("n", "a").is_some(), "the watch is not there yet");
    }

    #[test]
    fn what_a_list_shows_is_told_of_when_it_is_in_the_store() {
        let (cache, mut writer) = that_shows("10");
        let mut told = |event: Event<ConfigMap>| {
            writer.apply_watcher_event(&event);
            news(event, &cache.store()).map(|object| version(&object)).collect::<Vec<_>>()
        };
        assert!(told(Event::Init).is_empty());
        assert!(told(Event::InitApply(object("20"))).is_empty());
        assert_eq!(told(Event::InitDone), [20]);
        assert_eq!(told(Event::Apply(object("21"))), [21]);
        assert_eq!(told(Event::Delete(object("22"))), [22]);
    }

    #[test]
    fn an_object_taken_from_the_watch_before_it_caught_up_is_not_the_newest() {
        let (cache, mut writer) = that_shows("10");
        let taken = cache.store().find(|_| true).unwrap();
        cache.wrote(object("11"));
        assert_eq!(version(&*cache.newest(Arc::clone(&taken))), 11, "written by this process");
        let shown = Event::Apply(object("11"));
        writer.apply_watcher_event(&shown);
        caught_up(&mut locked(&cache.ahead), &shown);
        assert_eq!(version(&*cache.newest(taken)), 11, "shown by the watch");
    }

    #[test]
    fn an_object_of_the_same_name_is_not_a_newer_one() {
        let (cache, _writer) = that_shows("12");
        let mut before = object("10");
        before.metadata.uid = Some("another".to_owned());
        assert_eq!(version(&*cache.newest(Arc::new(before))), 10);
    }

    #[test]
    fn what_was_written_is_forgotten_once_the_watch_shows_it_or_its_end() {
        let ahead = || HashMap::from([(key(&object("10")), Arc::new(object("10")))]);
        for (event, left, is_echo) in [
            (Event::Apply(object("9")), 1, false),
            (Event::Delete(object("9")), 1, false),
            (Event::Apply(object("10")), 0, true),
            (Event::Apply(object("11")), 0, false),
            (Event::Delete(object("11")), 0, false),
            (Event::InitApply(object("10")), 1, false),
            (Event::Init, 1, false),
            (Event::InitDone, 0, false),
        ] {
            let mut ahead = ahead();
            assert_eq!((caught_up(&mut ahead, &event), ahead.len()), (is_echo, left), "{event:?}");
        }
    }
}
