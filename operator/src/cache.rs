//! The objects of a watch, together with the own writes that the watch has not shown yet.
//!
//! A pass that follows a write closely would otherwise decide from the state before it: repeat the
//! write, or treat a new object as missing. Both would be correct and unnecessary.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::ready;
use futures::{Stream, TryStreamExt as _, stream};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::watch::Sender;

type Key = (String, String);

/// Largest number of objects in one page of a list. All kinds are listed at the same time, and an
/// allocator returns little of the memory of a page to the system.
const LIST_PAGE_MAX: u32 = 50;

/// Returns the configuration of a watch of all objects, listed by page.
#[must_use]
pub fn paged_watch() -> watcher::Config {
    watcher::Config::default().page_size(LIST_PAGE_MAX)
}

/// The objects of one kind in the newest version that this process knows.
pub struct Cache<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<K>,
    /// Own writes that the watch has not shown yet.
    written: Arc<Mutex<HashMap<Key, Arc<K>>>>,
    /// The store has such a signal too, but it wakes only one waiting task.
    listed: Sender<bool>,
    /// The watch has shown all changes up to this resource version.
    watched_version: Arc<AtomicU64>,
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
    /// Returns an empty cache, and the watch that fills it while the stream is polled. The stream
    /// omits own writes. `trim` removes fields that no pass reads.
    pub fn watch(
        api: Api<K>,
        config: watcher::Config,
        mut trim: impl FnMut(&mut K) + Send + 'static,
    ) -> (Self, impl Stream<Item = Result<K, watcher::Error>> + Send + 'static) {
        let (store, writer): (Store<K>, Writer<K>) = reflector::store();
        let cache = Self {
            store,
            written: Arc::default(),
            listed: Sender::default(),
            watched_version: Arc::default(),
        };
        let (written, listed, watched_version) =
            (Arc::clone(&cache.written), cache.listed.clone(), Arc::clone(&cache.watched_version));
        let (store, mut highest_listed) = (cache.store(), 0);
        let events = watcher(api, config)
            .default_backoff()
            .modify(move |object| {
                object.managed_fields_mut().clear();
                trim(object);
            })
            .reflect(writer)
            .try_filter(move |event| {
                match event {
                    Event::Apply(object) | Event::Delete(object) => {
                        _ = watched_version.fetch_max(version_of(object), Ordering::Relaxed)
                    }
                    Event::InitApply(object) => {
                        highest_listed = version_of(object).max(highest_listed)
                    }
                    Event::InitDone => {
                        _ = watched_version.fetch_max(highest_listed, Ordering::Relaxed)
                    }
                    Event::Init => {}
                }
                let is_own_write = remove_shown_write(&mut locked(&written), event);
                if matches!(event, Event::InitDone) {
                    listed.send_replace(true);
                }
                ready(!is_own_write)
            })
            .map_ok(move |event| stream::iter(changed_objects(event, &store).map(Ok)))
            .try_flatten();
        (cache, events)
    }

    /// Returns the newest known version of the object with this name.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        // The order matters: an object is in the store before its write is removed here.
        let written = locked(&self.written).get(&(namespace.to_owned(), name.to_owned())).cloned();
        let watched = self.store.get(&ObjectRef::new(name).within(namespace));
        written.into_iter().chain(watched).max_by_key(|object| version_of(&**object))
    }

    /// Returns `object`, or a newer version of it: the watch may have shown a write since `object`
    /// was taken from it.
    #[must_use]
    pub fn newest(&self, object: Arc<K>) -> Arc<K> {
        let (namespace, name) = key(&*object);
        let known = self.get(&namespace, &name).filter(|known| known.uid() == object.uid());
        known.filter(|known| version_of(&**known) > version_of(&*object)).unwrap_or(object)
    }

    /// Records an own write: the object that the API server returned.
    pub fn record_write(&self, mut object: K) -> Arc<K> {
        object.managed_fields_mut().clear();
        let (key, object) = (key(&object), Arc::new(object));
        // Locked first: an event of the watch from now on finds the write and removes it.
        let mut written = locked(&self.written);
        let watched = self.store.get(&ObjectRef::new(&key.1).within(&key.0));
        // The watch has already shown the write and the deletion after it.
        let is_deleted = watched.is_none() && version_of(&*object) <= self.watched_version();
        if !is_deleted && watched.is_none_or(|known| version_of(&*known) < version_of(&*object)) {
            written.insert(key, Arc::clone(&object));
        }
        object
    }

    /// Returns the resource version up to which the watch has shown all changes.
    #[must_use]
    pub fn watched_version(&self) -> u64 {
        self.watched_version.load(Ordering::Relaxed)
    }

    /// Waits until the first list is complete.
    pub async fn ready(&self) {
        // An error would mean that the sender is gone; this value holds one.
        let _ = self.listed.subscribe().wait_for(|listed| *listed).await;
    }

    /// Returns the watched objects without own writes, for a controller.
    #[must_use]
    pub fn store(&self) -> Store<K> {
        self.store.clone()
    }
}

/// Returns the objects that an event changes. The objects of a list are returned when the list, and
/// with it the store, is complete.
fn changed_objects<K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static>(
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
    mutex.lock().expect("no thread panics while it holds this lock")
}

fn key<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Returns the resource version of an object as a number; resource versions grow.
#[must_use]
pub fn version_of<K: Resource>(object: &K) -> u64 {
    object.resource_version().and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// Removes the own write that an event shows. Returns whether the event shows nothing else.
fn remove_shown_write<K: Resource>(written: &mut HashMap<Key, Arc<K>>, event: &Event<K>) -> bool {
    match event {
        Event::Apply(object) | Event::Delete(object) => {
            let (key, shown) = (key(object), version_of(object));
            let Some(own) =
                written.get(&key).map(|object| version_of(&**object)).filter(|own| *own <= shown)
            else {
                return false;
            };
            written.remove(&key);
            own == shown && matches!(event, Event::Apply(_))
        }
        // An object may have been deleted between two lists. Removing a write costs at most one
        // read.
        Event::InitDone => {
            written.clear();
            false
        }
        // The objects of a list are in the store when the list is complete.
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

    /// Returns a cache whose watch has shown this version.
    fn cache_at(version: &str) -> (Cache<ConfigMap>, Writer<ConfigMap>) {
        let (store, mut writer) = reflector::store();
        writer.apply_watcher_event(&Event::Apply(object(version)));
        let watched_version = Arc::new(AtomicU64::new(version.parse().unwrap()));
        let listed = Sender::default();
        (Cache { store, written: Arc::default(), listed, watched_version }, writer)
    }

    #[test]
    fn object_deleted_before_the_answer_to_its_write_is_absent() {
        let (cache, mut writer) = cache_at("10");
        writer.apply_watcher_event(&Event::Delete(object("12")));
        cache.watched_version.store(12, Ordering::Relaxed);
        cache.record_write(object("11"));
        assert_eq!(cache.get("n", "a"), None);
        cache.record_write(object("13"));
        assert!(cache.get("n", "a").is_some(), "the watch has not shown the write yet");
    }

    #[test]
    fn objects_of_a_list_are_reported_when_the_store_is_complete() {
        let (cache, mut writer) = cache_at("10");
        let mut changed = |event: Event<ConfigMap>| {
            writer.apply_watcher_event(&event);
            changed_objects(event, &cache.store())
                .map(|object| version_of(&object))
                .collect::<Vec<_>>()
        };
        assert!(changed(Event::Init).is_empty());
        assert!(changed(Event::InitApply(object("20"))).is_empty());
        assert_eq!(changed(Event::InitDone), [20]);
        assert_eq!(changed(Event::Apply(object("21"))), [21]);
        assert_eq!(changed(Event::Delete(object("22"))), [22]);
    }

    #[test]
    fn own_write_is_newer_than_the_object_taken_from_the_watch() {
        let (cache, mut writer) = cache_at("10");
        let taken = cache.store().find(|_| true).unwrap();
        cache.record_write(object("11"));
        assert_eq!(version_of(&*cache.newest(Arc::clone(&taken))), 11, "written by this process");
        let shown = Event::Apply(object("11"));
        writer.apply_watcher_event(&shown);
        remove_shown_write(&mut locked(&cache.written), &shown);
        assert_eq!(version_of(&*cache.newest(taken)), 11, "shown by the watch");
    }

    #[test]
    fn another_object_of_the_same_name_is_not_a_newer_version() {
        let (cache, _writer) = cache_at("12");
        let mut before = object("10");
        before.metadata.uid = Some("another".to_owned());
        assert_eq!(version_of(&*cache.newest(Arc::new(before))), 10);
    }

    #[test]
    fn own_write_is_removed_when_the_watch_shows_it_or_its_deletion() {
        let writes = || HashMap::from([(key(&object("10")), Arc::new(object("10")))]);
        for (event, left, is_own_write) in [
            (Event::Apply(object("9")), 1, false),
            (Event::Delete(object("9")), 1, false),
            (Event::Apply(object("10")), 0, true),
            (Event::Apply(object("11")), 0, false),
            (Event::Delete(object("11")), 0, false),
            (Event::InitApply(object("10")), 1, false),
            (Event::Init, 1, false),
            (Event::InitDone, 0, false),
        ] {
            let mut writes = writes();
            assert_eq!(
                (remove_shown_write(&mut writes, &event), writes.len()),
                (is_own_write, left),
                "{event:?}"
            );
        }
    }
}
