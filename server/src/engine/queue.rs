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
mod documents;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
use crate::store::{Aggregate, ApplyError, Store, StoreError, TaskUpdate};

/// Requests per transaction.
const BATCH_REQUESTS_MAX: usize = 512;
/// Tasks in the cache beyond which tasks without unsettled runs are dropped.
const CACHED_TASKS_MAX: usize = 20_000;
/// Time after which a caller gets an error while the database does not answer.
const CALLER_WAIT_MAX: Duration = Duration::from_secs(10);
/// Time after which a caller gets an error while the disk is full: freeing space takes longer than
/// any caller waits.
const CALLER_WAIT_MAX_DISK_FULL: Duration = Duration::from_secs(1);
/// Timeout of one transaction.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Retries of a task that other programs keep changing, before its caller gets an error.
const STALE_RETRIES_MAX: u32 = 50;

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

    /// Commits all groups, with retries.
    async fn commit(&mut self, groups: Vec<TaskChanges>) {
        let mut waiting = vec![groups];
        while let Some(groups) = waiting.pop() {
            self.commit_together(groups, &mut waiting).await;
        }
    }

    /// Commits the groups in one transaction. Groups that have to be committed separately are moved
    /// to `alone`.
    async fn commit_together(
        &mut self,
        mut groups: Vec<TaskChanges>,
        alone: &mut Vec<Vec<TaskChanges>>,
    ) {
        let mut tries = 0;
        while !groups.is_empty() {
            let now = self.observe();
            let error = match self.try_commit(&groups, now).await {
                Ok((applied, updates)) => {
                    self.metrics.engine_commit("ok");
                    self.publish(groups, applied, updates).await;
                    return;
                }
                Err(error) => error,
            };
            self.metrics.engine_commit(commit_outcome(&error));
            tries += 1;
            match error {
                ApplyError::Stale(tasks) => {
                    for task in &tasks {
                        self.tasks.remove(task);
                    }
                    if groups.len() > 1 {
                        let (stale, rest) = groups
                            .into_iter()
                            .partition(|group: &TaskChanges| tasks.contains(&group.task));
                        groups = rest;
                        alone.extend(Vec::into_iter(stale).map(|group| vec![group]));
                        tries = 0;
                    } else if tries > STALE_RETRIES_MAX {
                        let busy = Error::new(
                            ErrorCode::Busy,
                            "too many concurrent changes of this task: retry in a moment",
                        );
                        reject_callers(&self.metrics, &mut groups, &busy);
                    }
                }
                ApplyError::Duplicate { task, .. } => {
                    let Some(index) = groups.iter().position(|group| group.task == task) else {
                        tracing::error!(task.id = %task, "the store reported a duplicate for a task that was not written");
                        self.pause(tries).await;
                        continue;
                    };
                    let TaskChanges { task, mut queued } = groups.swap_remove(index);
                    if queued.len() > 1 {
                        alone.extend(queued.into_iter().rev().map(|change| {
                            vec![TaskChanges { task: task.clone(), queued: vec![change] }]
                        }));
                    } else if let Some(change) = queued.pop() {
                        self.duplicate(task, change, alone).await;
                    }
                }
                ApplyError::Store(error @ StoreError::Unknown(_)) => {
                    tracing::warn!(error = %chain(&error), "the outcome of a commit is unknown; reading the tasks again");
                    self.outage.failed(now.monotonic, &error);
                    // If the commit succeeded, applying again yields no update to publish. Every
                    // agent that may have missed one is disconnected; its next session starts with
                    // the full set, built after this commit.
                    for party in groups
                        .iter()
                        .filter_map(|group| self.tasks.remove(&group.task))
                        .flat_map(|task| parties(&task))
                    {
                        self.sessions.disconnect(&party);
                    }
                    self.wait_for_store(&mut groups, tries, &error).await;
                }
                ApplyError::Store(error) if !error.is_retryable() => {
                    for group in &groups {
                        self.tasks.remove(&group.task);
                    }
                    if groups.len() > 1 {
                        alone.extend(groups.drain(..).map(|group| vec![group]));
                    } else {
                        tracing::error!(error = %chain(&error), task.id = ?groups.first().map(|group| &group.task), "cannot store a change of a task; rejecting it");
                        reject_callers(&self.metrics, &mut groups, &error.into());
                        groups.clear();
                    }
                }
                ApplyError::Store(error) => {
                    tracing::warn!(error = %chain(&error), "the store does not answer; retrying");
                    self.outage.failed(now.monotonic, &error);
                    for group in &groups {
                        self.tasks.remove(&group.task);
                    }
                    self.wait_for_store(&mut groups, tries, &error).await;
                }
            }
        }
    }

    /// Applies the groups in memory, and stores the result in one transaction.
    async fn try_commit(
        &mut self,
        groups: &[TaskChanges],
        now: Moment,
    ) -> Result<(Vec<AppliedChanges>, Vec<TaskUpdate>), ApplyError> {
        let mut applied = self.apply_all(groups, now).await?;
        let updates: Vec<TaskUpdate> =
            applied.iter_mut().filter_map(|applied| applied.update.take()).collect();
        let started = clock::monotonic();
        if !updates.is_empty() {
            self.write(&updates).await?;
        }
        if self.outage.answered(now) {
            self.tasks.clear();
        }
        if !updates.is_empty() {
            self.metrics.commit(updates.len(), started.elapsed());
        }
        Ok((applied, updates))
    }

    /// Bounds the wait for a database that disappeared: TCP alone would wait for minutes.
    async fn write(&self, changes: &[TaskUpdate]) -> Result<(), ApplyError> {
        match clock::timeout(TRANSACTION_TIMEOUT, self.store.apply(changes)).await {
            Ok(applied) => applied,
            Err(_) => Err(ApplyError::Store(StoreError::timed_out())),
        }
    }

    /// Handles a violated unique index: either another request used the same key just now, or the
    /// name is taken.
    async fn duplicate(
        &mut self,
        task: TaskId,
        change: QueuedChange,
        alone: &mut Vec<Vec<TaskChanges>>,
    ) {
        let (name, idem) = match &change.change {
            Change::Create { body, idem, .. } => (body.name.clone(), idem.clone()),
            Change::Edit { body, .. } => (body.name.clone(), None),
            Change::Start(request) => (String::new(), request.idem.clone()),
            _ => (String::new(), None),
        };
        if let Some(idem) = idem {
            let found = self.store.idempotency(&idem.scope, &idem.key).await;
            if let Err(error) = &found {
                tracing::warn!(%error, "the store does not answer; retrying");
                self.pause(1).await;
            }
            if !matches!(found, Ok(None)) {
                alone.push(vec![TaskChanges { task, queued: vec![change] }]);
                return;
            }
        }
        let message =
            format!("a task named {name:?} exists: choose another name, or start the existing one");
        answer(&self.metrics, change, Err(Error::new(ErrorCode::TaskNameTaken, message)));
    }

    /// Waits before a retry. Callers get an error after a timeout; facts are kept.
    async fn wait_for_store(
        &mut self,
        groups: &mut Vec<TaskChanges>,
        tries: u32,
        error: &StoreError,
    ) {
        let patience =
            if error.is_disk_full() { CALLER_WAIT_MAX_DISK_FULL } else { CALLER_WAIT_MAX };
        let impatient = |change: &QueuedChange| change.posted.elapsed() > patience;
        if self.stopping.is_cancelled() && tries > 5 {
            tracing::error!(
                "shutting down while the store does not answer; unstored changes are lost"
            );
            reject_callers(&self.metrics, groups, &error.clone().into());
            groups.clear();
        } else if groups.iter().flat_map(|group| &group.queued).any(impatient) {
            reject_callers(&self.metrics, groups, &error.clone().into());
        }
        self.pause(tries).await;
    }

    async fn pause(&self, tries: u32) {
        let wait = Duration::from_millis(10 << tries.min(6));
        clock::sleep(wait).await;
    }

    /// Publishes a durable update to the cache, the agents, the watchers and the callers, in this
    /// order.
    async fn publish(
        &mut self,
        groups: Vec<TaskChanges>,
        applied: Vec<AppliedChanges>,
        changes: Vec<TaskUpdate>,
    ) {
        let revision = self.next_revision();
        let mut earliest: Option<Timestamp> = None;
        for mut change in changes {
            for spec in change.specs.drain(..) {
                self.specs.keep(spec);
            }
            if let Some(due) = change.due {
                earliest = Some(earliest.map_or(due, |known| known.min(due)));
            }
            for run in &change.runs {
                if run.before.as_ref().is_none_or(|before| before.running_at.is_none())
                    && let Some(running_at) = run.after.running_at
                {
                    self.metrics.run_started(running_at.0 - run.after.created_at.0);
                }
                let was_finished =
                    run.before.as_ref().is_some_and(|before| before.finished_at.is_some());
                if let (false, Some(_), Some(ending)) =
                    (was_finished, run.after.finished_at, &run.after.ending)
                {
                    self.metrics.run_finished(ending);
                }
                self.metrics.run_state(&run.after);
                for member in wake::moved(run) {
                    let party = &member.party;
                    if !self.sessions.is_connected(party) {
                        continue;
                    }
                    match wake::desired_member(
                        &self.store,
                        &mut self.specs,
                        &change.task.body.name,
                        &run.after,
                        member,
                        revision,
                    )
                    .await
                    {
                        Ok(desired) => self.sessions.send_desired(party, desired),
                        Err(error) => {
                            // The full set of the next session repairs it.
                            tracing::error!(party.id = %party, %error, "cannot build the desired state of a member; disconnecting the agent");
                            self.sessions.disconnect(party);
                        }
                    }
                }
            }
        }
        if let Some(earliest) = earliest {
            self.due.earlier(earliest);
        }
        for (group, applied) in groups.into_iter().zip(applied) {
            if let Some(after) = applied.after {
                after.runs.iter().for_each(|run| self.metrics.run_state(run));
                self.watchers.notify(&group.task, after.event_seq);
                self.keep(Arc::new(after));
            }
            for (change, result) in group.queued.into_iter().zip(applied.results) {
                answer(&self.metrics, change, result);
            }
        }
        self.specs.trim();
    }
}

/// Returns the outcome of a failed commit for the metrics.
const fn commit_outcome(error: &ApplyError) -> &'static str {
    match error {
        ApplyError::Stale(_) => "stale",
        ApplyError::Duplicate { .. } => "duplicate",
        ApplyError::Store(StoreError::Unknown(_)) => "unknown",
        ApplyError::Store(StoreError::Unavailable(_)) => "unavailable",
        ApplyError::Store(_) => "failed",
    }
}

/// Returns the outcome of a change for the metrics.
fn change_outcome(result: &Result<ChangeResult, Error>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(error) => match error.code {
            ErrorCode::StoreUnavailable | ErrorCode::StoreFull | ErrorCode::Busy => "unavailable",
            _ => "rejected",
        },
    }
}

async fn rest(store: Arc<Store>) {
    if let Err(error) = store.rest().await {
        tracing::warn!(error = %chain(&error), "cannot checkpoint the database; a later commit takes longer");
    }
}

/// Returns all parties of the task and of its runs.
fn parties(aggregate: &Aggregate) -> Vec<PartyId> {
    let of_runs =
        aggregate.runs.iter().flat_map(|run| &run.members).map(|member| member.party.clone());
    aggregate.task.body.members.iter().map(|member| member.party.clone()).chain(of_runs).collect()
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

fn answer(metrics: &Metrics, change: QueuedChange, result: Result<ChangeResult, Error>) {
    if let Some(name) = change.change.name() {
        metrics.task_change(name, change_outcome(&result));
    }
    if let Some(reply) = change.reply {
        // The caller may have disconnected.
        let _ = reply.send(result);
    }
}

/// Returns `error` to every caller and drops its change. Facts, which have no caller, stay.
fn reject_callers(metrics: &Metrics, groups: &mut Vec<TaskChanges>, error: &Error) {
    for group in groups.iter_mut() {
        let (callers, facts): (Vec<QueuedChange>, Vec<QueuedChange>) =
            std::mem::take(&mut group.queued)
                .into_iter()
                .partition(|change| change.reply.is_some());
        group.queued = facts;
        for change in callers {
            answer(metrics, change, Err(error.clone()));
        }
    }
    groups.retain(|group| !group.queued.is_empty());
}
