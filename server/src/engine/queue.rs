//! The loop that processes requests: it takes all that are queued, applies them task by task in
//! memory, and commits the result in one transaction (group commit). Results, acknowledgements and
//! wakes follow the commit.
//!
//! Failures of the store: a task that another program changed is read again and applied alone; a
//! duplicate name is an error for its caller; after a commit of unknown outcome the task is read
//! and applied again, which has no effect if the commit succeeded; while the database does not
//! answer the commit is retried, and callers get an error after a timeout. Facts (such as a lost
//! contact) are never dropped.

mod apply;
mod commit;
mod documents;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flow_common::clock::{self, HEARTBEAT, Moment, SharedClock};
use flow_common::error::chain;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{InstanceId, PartyId, RunId, TaskId, TemplateId};
use flow_domain::member::Member;
use flow_domain::run::{Input, Run};
use flow_domain::template::Template;
use flow_domain::time::Timestamp;
use flow_proto::v1::DesiredMember;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::outage::{Outage, StoreFault};
use super::timers::NextDeadline;
use super::wake::{self, EventWatchers, SpecCache};
use super::{
    Change, ChangeResult, ContactChange, ContactRequest, EngineParts, PartyStates, QueuedChange,
    Request,
};
use crate::metrics::Metrics;
use crate::sessions::Sessions;
use crate::store::{Aggregate, Store, StoreError, TaskUpdate};

/// Requests per transaction.
const BATCH_REQUESTS_MAX: usize = 512;
/// Tasks in the cache beyond which tasks without unsettled runs are dropped.
const CACHED_TASKS_MAX: usize = 20_000;

pub(super) struct Queue {
    pub(super) store: Arc<Store>,
    pub(super) sessions: Sessions,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    watchers: Arc<EventWatchers>,
    due: Arc<NextDeadline>,
    stopping: CancellationToken,
    /// Tasks as stored. A change by another program shows as a stale version. Holds only tasks that
    /// were applied after the newest outage.
    tasks: HashMap<TaskId, Arc<Aggregate>>,
    /// Tasks of the present requests whose commit had an unknown outcome.
    perhaps_stored: HashSet<TaskId>,
    /// Cache size at which idle tasks are dropped.
    cache_limit: usize,
    /// Epoch and journal of each party's session.
    contacts: HashMap<PartyId, (u64, InstanceId)>,
    /// Parties that exist. Only this queue removes a party.
    pub(super) known_parties: HashSet<PartyId>,
    pub(super) party_states: PartyStates,
    /// Templates by revision. Only the name of a revision can change: see
    /// [`Request::TemplateEdited`].
    templates: HashMap<(TemplateId, u32), Arc<Template>>,
    specs: SpecCache,
    outage: Outage,
    /// Microseconds by which the wall clock was set since the deadlines of all active tasks were
    /// last checked; `None` if they are up to date.
    clock_shift: Option<i64>,
    away_after_s: u64,
    /// Number of the newest published change. It grows with each change, and over restarts.
    revision: Arc<AtomicU64>,
}

/// Queued changes of one task, in order.
struct TaskChanges {
    task: TaskId,
    queued: Vec<QueuedChange>,
}

/// The changes of one task after they were applied: results in the order of the changes, and the
/// update to store before the results are returned.
struct AppliedChanges {
    results: Vec<Result<ChangeResult, Error>>,
    update: Option<TaskUpdate>,
    after: Option<Aggregate>,
}

impl Queue {
    pub(super) fn new(
        parts: &EngineParts,
        disabled: HashSet<PartyId>,
        watchers: Arc<EventWatchers>,
        due: Arc<NextDeadline>,
        revision: Arc<AtomicU64>,
        fault: StoreFault,
    ) -> Self {
        Self {
            store: Arc::clone(&parts.store),
            sessions: parts.sessions.clone(),
            clock: parts.clock.clone(),
            metrics: Arc::clone(&parts.metrics),
            watchers,
            due,
            stopping: parts.stopping.clone(),
            tasks: HashMap::new(),
            perhaps_stored: HashSet::new(),
            cache_limit: CACHED_TASKS_MAX,
            contacts: HashMap::new(),
            known_parties: HashSet::new(),
            party_states: PartyStates { disabled, ..PartyStates::default() },
            templates: HashMap::new(),
            specs: SpecCache::default(),
            outage: Outage::new(parts.clock.read(), fault),
            clock_shift: None,
            away_after_s: parts.away_after_s,
            revision,
        }
    }

    pub(super) async fn run(mut self, mut rx: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(BATCH_REQUESTS_MAX);
        let stopping = self.stopping.clone();
        let mut observed = self.clock.monotonic();
        loop {
            let heartbeat = self.clock.sleep_until(observed + HEARTBEAT);
            tokio::select! {
                biased;
                () = stopping.cancelled(), if !rx.is_closed() => rx.close(),
                taken = rx.recv_many(&mut batch, BATCH_REQUESTS_MAX) => {
                    if taken == 0 {
                        return;
                    }
                    let (started, requests) = (clock::monotonic(), batch.len());
                    self.drain(&mut batch)
                        .instrument(tracing::debug_span!("engine", requests))
                        .await;
                    self.metrics.loop_pass("engine", true, started);
                    if rx.is_empty() {
                        // In a task of its own: the loop continues with the next change.
                        tokio::spawn(rest(Arc::clone(&self.store)));
                    }
                }
                () = heartbeat => {}
            }
            // After the queued requests, so that they are not affected by a disturbance that
            // follows them.
            observed = self.observe().monotonic;
            if let Some(set_by) = self.clock_shift
                && let Err(error) = self.recheck_active(set_by).await
            {
                tracing::warn!(error = %chain(&error), "cannot check the deadlines of active tasks; retrying");
            }
        }
    }

    /// Returns the present moment, and detects disturbances of the clocks. Every deadline must be
    /// compared with a moment from here.
    fn observe(&mut self) -> Moment {
        let reading = self.clock.read();
        if let Some(disturbance) = self.outage.observe(reading) {
            let (set_by_s, paused_s) =
                (disturbance.wall_set_by / 1_000_000, disturbance.paused.as_secs());
            tracing::warn!(
                set_by_s,
                paused_s,
                "the clock was set, or this process was paused: deadlines start again"
            );
            self.tasks.clear();
            self.clock_shift =
                Some(self.clock_shift.unwrap_or(0).saturating_add(disturbance.wall_set_by));
        }
        reading.into()
    }

    /// Stores the restarted deadlines of all active tasks; the stored ones may be far in the
    /// future.
    async fn recheck_active(&mut self, set_by: i64) -> Result<(), StoreError> {
        if set_by != 0 {
            self.store.restart_absences(self.clock.now(), set_by, self.away_after_s).await?;
        }
        let tasks = self.store.active_tasks().await?;
        self.clock_shift = None;
        for tasks in tasks.chunks(BATCH_REQUESTS_MAX) {
            let tick = |task: &TaskId| {
                (
                    task.clone(),
                    QueuedChange { change: Change::Tick, posted: clock::monotonic(), reply: None },
                )
            };
            self.commit(group(tasks.iter().map(tick).collect())).await;
        }
        Ok(())
    }

    /// Processes changes and contacts in the order of their posts; adjacent requests of one kind
    /// share a transaction.
    async fn drain(&mut self, batch: &mut Vec<Request>) {
        let mut queued: Vec<(TaskId, QueuedChange)> = Vec::new();
        let mut contacts: Vec<ContactRequest> = Vec::new();
        let mut pings = Vec::new();
        for post in batch.drain(..) {
            match post {
                Request::Ping(reply) => pings.push(reply),
                Request::TemplateEdited(id) => self.templates.retain(|(known, _), _| *known != id),
                Request::Change(task, change) => {
                    self.apply_contacts(std::mem::take(&mut contacts)).await;
                    self.metrics.queue_age(change.posted.elapsed());
                    queued.push((task, change));
                }
                Request::Contact(contact) => {
                    self.commit(group(std::mem::take(&mut queued))).await;
                    if contacts.iter().any(|earlier| earlier.party == contact.party) {
                        self.apply_contacts(std::mem::take(&mut contacts)).await;
                    }
                    contacts.push(contact);
                }
                Request::Documents(post) => {
                    self.commit(group(std::mem::take(&mut queued))).await;
                    self.apply_contacts(std::mem::take(&mut contacts)).await;
                    self.apply_documents(post).await;
                }
                Request::RemoveParty(post) => {
                    self.commit(group(std::mem::take(&mut queued))).await;
                    self.apply_contacts(std::mem::take(&mut contacts)).await;
                    self.remove_party(post).await;
                }
                Request::DisableParty(post) => {
                    self.commit(group(std::mem::take(&mut queued))).await;
                    self.apply_contacts(std::mem::take(&mut contacts)).await;
                    self.disable_party(post).await;
                }
            }
        }
        self.commit(group(queued)).await;
        self.apply_contacts(contacts).await;
        for reply in pings {
            // The probe may have timed out.
            let _ = reply.send(());
        }
    }

    /// Records contacts in the parties' unsettled members, then returns the desired members to the
    /// sessions that were opened.
    async fn apply_contacts(&mut self, posts: Vec<ContactRequest>) {
        let mut queued = Vec::new();
        let mut came = Vec::new();
        for ContactRequest { party, epoch, contact, reply } in posts {
            let newest = self.contacts.get(&party).map_or(0, |(epoch, _)| *epoch);
            let input = match contact {
                ContactChange::Connected(_) if epoch < newest => {
                    let _ = reply.send(Err(Error::new(
                        ErrorCode::Busy,
                        "a newer session of the party is open",
                    )));
                    continue;
                }
                ContactChange::Connected(instance) => {
                    self.contacts.insert(party.clone(), (epoch, instance.clone()));
                    self.party_states.never_connected.remove(&party);
                    Input::Connected { party: party.clone(), instance }
                }
                ContactChange::Away(_) if epoch < newest => {
                    let _ = reply.send(Ok(Vec::new()));
                    continue;
                }
                ContactChange::Away(since) => {
                    self.contacts.remove(&party);
                    Input::Away { party: party.clone(), since }
                }
            };
            let unsettled = self.unsettled(&party).await;
            for (task, run) in &unsettled {
                let change = Change::Input { run: run.clone(), input: input.clone() };
                queued.push((
                    task.clone(),
                    QueuedChange { change, posted: clock::monotonic(), reply: None },
                ));
            }
            came.push((party, unsettled, reply));
        }
        self.commit(group(queued)).await;
        for (party, unsettled, reply) in came {
            let set = match self.contacts.contains_key(&party) {
                true => self.desired_members(&party, &unsettled).await,
                false => Ok(Vec::new()),
            };
            // The session may have ended.
            let _ = reply.send(set);
        }
    }

    /// Applies an input to every unsettled member of a party.
    pub(super) async fn apply_to_party(&mut self, party: &PartyId, input: &Input) {
        let unsettled = self.unsettled(party).await.into_iter();
        let queued = unsettled.map(|(task, run)| {
            let change = Change::Input { run, input: input.clone() };
            (task, QueuedChange { change, posted: clock::monotonic(), reply: None })
        });
        self.commit(group(queued.collect())).await;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the instance of the party's connected agent.
    pub(super) fn connected_instance(&self, party: &PartyId) -> Option<InstanceId> {
        self.contacts.get(party).map(|(_, instance)| instance.clone())
    }

    /// Returns the unsettled members of a party. Retries until the store answers, because a contact
    /// is a fact.
    async fn unsettled(&mut self, party: &PartyId) -> Vec<(TaskId, RunId)> {
        let mut tries = 0;
        loop {
            match self.store.unsettled_of_party(party).await {
                Ok(found) => return found,
                Err(error) if self.stopping.is_cancelled() => {
                    tracing::error!(party.id = %party, %error, "shutting down before the party's contact was recorded");
                    return Vec::new();
                }
                Err(error) if !error.is_retryable() => {
                    tracing::error!(party.id = %party, error = %chain(&error), "cannot read the party's members");
                    return Vec::new();
                }
                Err(error) => {
                    tracing::warn!(party.id = %party, error = %chain(&error), "the store does not answer; retrying");
                    self.outage.failed(self.clock.monotonic(), &error);
                    tries += 1;
                    self.pause(tries).await;
                }
            }
        }
    }

    /// Builds the hub's full set for a party.
    async fn desired_members(
        &mut self,
        party: &PartyId,
        unsettled: &[(TaskId, RunId)],
    ) -> Result<Vec<DesiredMember>, Error> {
        let revision = self.next_revision();
        let mut set = Vec::with_capacity(unsettled.len());
        for (task, run) in unsettled {
            let Some(aggregate) = self.load(task).await? else { continue };
            let Some(run) = aggregate.runs.iter().find(|found| &found.id == run) else { continue };
            let is_sent = |member: &&Member| !member.settled && !member.is_withheld();
            let Some(member) = run.member(party).filter(is_sent) else { continue };
            let name = &aggregate.task.body.name;
            let desired =
                wake::desired_member(&self.store, &mut self.specs, name, run, member, revision);
            set.push(desired.await?);
        }
        self.specs.trim();
        Ok(set)
    }

    fn next_revision(&mut self) -> u64 {
        let now = u64::try_from(self.clock.now().0).unwrap_or(0);
        let next = now.max(self.revision.load(Ordering::SeqCst) + 1);
        self.revision.store(next, Ordering::SeqCst);
        next
    }

    pub(super) async fn load(
        &mut self,
        task: &TaskId,
    ) -> Result<Option<Arc<Aggregate>>, StoreError> {
        if let Some(found) = self.tasks.get(task) {
            return Ok(Some(Arc::clone(found)));
        }
        Ok(self.store.load_task(task).await?.map(Arc::new))
    }

    fn keep(&mut self, aggregate: Arc<Aggregate>) {
        if self.tasks.len() >= self.cache_limit {
            let idle: Vec<_> =
                self.tasks.extract_if(|_, kept| kept.runs.iter().all(Run::is_settled)).collect();
            // Dropping so many tasks would delay the loop.
            tokio::task::spawn_blocking(move || drop(idle));
            self.cache_limit = CACHED_TASKS_MAX.max(2 * self.tasks.len());
        }
        self.tasks.insert(aggregate.task.id.clone(), aggregate);
    }
}

async fn rest(store: Arc<Store>) {
    if let Err(error) = store.rest().await {
        tracing::warn!(error = %chain(&error), "cannot checkpoint the database; a later commit takes longer");
    }
}

fn group(queued: Vec<(TaskId, QueuedChange)>) -> Vec<TaskChanges> {
    let mut groups: Vec<TaskChanges> = Vec::new();
    let mut index: HashMap<TaskId, usize> = HashMap::new();
    for (task, change) in queued {
        let at = *index.entry(task.clone()).or_insert_with(|| {
            groups.push(TaskChanges { task, queued: Vec::new() });
            groups.len() - 1
        });
        groups[at].queued.push(change);
    }
    groups
}
