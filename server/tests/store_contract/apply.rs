//! Updates: stored completely or not at all, each on top of the version it is based on.

use flow_domain::id::Digest;
use flow_domain::member::{Contact, MemberPhase};
use flow_domain::run::{Input, RunPhase};
use flow_domain::time::Timestamp;
use flow_server::store::{
    ApplyError, Duplicate, IdempotencyRecord, PageRequest, StoreError, TaskUpdate,
};

use crate::support::*;

crate::on_every_database!(
    update_is_stored_completely_and_read_back,
    stale_update_rejects_the_whole_batch,
    update_of_a_missing_task_is_stale,
    task_names_are_unique_and_case_sensitive_until_deletion,
    repeated_request_is_not_a_duplicate_name,
    duplicates_within_one_batch_are_detected,
    aggregate_contains_unsettled_runs_and_the_newest,
    only_rows_that_differ_are_written,
    run_cannot_replace_another,
    due_tasks_and_unsettled_members_are_found,
    overview_counts_tasks_and_runs_over_time,
    concurrent_writers_have_one_winner_and_lose_no_event_number,
    writers_of_overlapping_batches_do_not_deadlock,
    batch_of_five_hundred_updates_is_one_transaction,
    extreme_values_survive_a_round_trip,
    corrupt_row_is_named_in_the_error,
);

fn answer(key: &str, response: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        scope: "default/alice/tasks".to_owned(),
        key: key.to_owned(),
        request: Digest::of(b"request"),
        response: response.to_owned(),
        at: at(1),
    }
}

async fn update_is_stored_completely_and_read_back(fx: Fixture) {
    let store = &fx.store;
    let mut change = creation(any_task("Größe-α"));
    let run = start(&mut change);
    change.idempotency = Some(answer("k1", change.task.id.as_str()));
    store.apply(std::slice::from_ref(&change)).await.unwrap();

    let found = store.load_task(&change.task.id).await.unwrap().unwrap();
    assert_eq!(found.task, change.task);
    assert_eq!((found.version, found.event_seq), (1, i64::try_from(change.events.len()).unwrap()));
    assert_eq!(found.runs, vec![run.clone()]);
    assert_eq!(found.due, change.due);
    assert_eq!(store.run(&run.id).await.unwrap(), Some(run.clone()));

    let events = store.events(&change.task.id, 0, 100).await.unwrap();
    let stored_events: Vec<_> =
        events.iter().map(|row| (row.seq, row.at, row.event.clone())).collect();
    let written: Vec<_> =
        change.events.iter().zip(1..).map(|(new, seq)| (seq, new.at, new.event.clone())).collect();
    assert_eq!(stored_events, written);
    assert_eq!(
        store.events(&change.task.id, 1, 1).await.unwrap(),
        events[1..2],
        "after and limit are kept to"
    );

    for spec in &change.specs {
        assert_eq!(
            store.spec(&change.task.id, &spec.digest).await.unwrap().as_ref(),
            Some(&spec.bytes)
        );
    }
    assert_eq!(store.idempotency("default/alice/tasks", "k1").await.unwrap(), change.idempotency);
    assert_eq!(store.idempotency("default/bob/tasks", "k1").await.unwrap(), None);
    assert_eq!(store.purge_idempotency(at(1)).await.unwrap(), 0);
    assert_eq!(store.purge_idempotency(at(2)).await.unwrap(), 1);
    assert_eq!(store.idempotency("default/alice/tasks", "k1").await.unwrap(), None);
}

async fn stale_update_rejects_the_whole_batch(fx: Fixture) {
    let store = &fx.store;
    let (a, b, c) = (any_task("a"), any_task("b"), any_task("c"));
    store.apply(&[creation(a.clone()), creation(b.clone())]).await.unwrap();
    let old = change(store, &a.id).await;
    store.apply(std::slice::from_ref(&old)).await.unwrap();

    let mut late = old.clone();
    start(&mut late);
    late.idempotency = Some(answer("late", "x"));
    let mut good = change(store, &b.id).await;
    good.events.push(event("never seen"));
    let refused = store.apply(&[good, creation(c.clone()), late.clone()]).await.unwrap_err();
    assert!(
        matches!(&refused, ApplyError::Stale(tasks) if *tasks == [a.id.clone()]),
        "{refused:?}"
    );

    assert_eq!(store.load_task(&b.id).await.unwrap().unwrap().version, 1);
    assert_eq!(store.events(&b.id, 1, 10).await.unwrap(), vec![]);
    assert_eq!(store.load_task(&c.id).await.unwrap(), None);
    assert_eq!(store.load_task(&a.id).await.unwrap().unwrap().runs, vec![]);
    assert_eq!(store.idempotency("default/alice/tasks", "late").await.unwrap(), None);
    assert_eq!(store.spec(&late.task.id, &late.specs[0].digest).await.unwrap(), None);
}

async fn update_of_a_missing_task_is_stale(fx: Fixture) {
    let task = any_task("ghost");
    let never = TaskUpdate { insert: false, base_version: 1, ..creation(task.clone()) };
    let refused = fx.store.apply(&[never]).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Stale(tasks) if tasks == [task.id]));
    fx.store.apply(&[]).await.expect("nothing to do is done");
}

async fn task_names_are_unique_and_case_sensitive_until_deletion(fx: Fixture) {
    let store = &fx.store;
    let first = stored(store, any_task("name"), false).await.task;
    let taken = |error: ApplyError, of: &flow_domain::id::TaskId| {
        assert!(
            matches!(&error, ApplyError::Duplicate { task, what: Duplicate::Name } if task == of),
            "{error:?}"
        );
    };
    let second = any_task("name");
    taken(store.apply(&[creation(second.clone())]).await.unwrap_err(), &second.id);
    let upper = stored(store, any_task("Name"), false).await.task;

    let mut rename = change(store, &upper.id).await;
    rename.task.body.name = "name".to_owned();
    rename.body_changed = true;
    taken(store.apply(std::slice::from_ref(&rename)).await.unwrap_err(), &upper.id);

    let mut delete = change(store, &first.id).await;
    delete.task.deleted_at = Some(at(9));
    store.apply(&[delete]).await.unwrap();
    store.apply(&[creation(second.clone())]).await.expect("a deleted task frees its name");
    assert_eq!(store.task(&first.id).await.unwrap(), None, "a deleted task is not shown");
    assert_eq!(
        store.load_task(&first.id).await.unwrap().unwrap().task.deleted_at,
        Some(at(9)),
        "but can be changed"
    );
    assert_eq!(store.task_by_name(&project(), "name").await.unwrap().unwrap().task.id, second.id);

    rename.task.body.name = "other".to_owned();
    store.apply(&[rename]).await.unwrap();
    assert_eq!(store.task_by_name(&project(), "other").await.unwrap().unwrap().task.id, upper.id);
    assert_eq!(store.task_by_name(&project(), "Name").await.unwrap(), None);
}

async fn repeated_request_is_not_a_duplicate_name(fx: Fixture) {
    let store = &fx.store;
    let mut first = creation(any_task("once"));
    first.idempotency = Some(answer("key", first.task.id.as_str()));
    store.apply(std::slice::from_ref(&first)).await.unwrap();

    let mut again = creation(any_task("once"));
    again.idempotency = Some(answer("key", again.task.id.as_str()));
    let error = store.apply(std::slice::from_ref(&again)).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Duplicate { task, what: Duplicate::Idempotency } if *task == again.task.id),
        "{error:?}"
    );
    let known = store.idempotency("default/alice/tasks", "key").await.unwrap().unwrap();
    assert_eq!(known.response, first.task.id.as_str());

    let same_id =
        creation(flow_domain::task::Task { body: any_task("else").body, ..first.task.clone() });
    let error = store.apply(&[same_id]).await.unwrap_err();
    assert!(matches!(error, ApplyError::Duplicate { what: Duplicate::Id, .. }), "{error:?}");
}

async fn duplicates_within_one_batch_are_detected(fx: Fixture) {
    let twins = [creation(any_task("twin")), creation(any_task("twin"))];
    let error = fx.store.apply(&twins).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Duplicate { task, what: Duplicate::Name } if *task == twins[1].task.id),
        "{error:?}"
    );

    let mut keyed = [creation(any_task("one")), creation(any_task("two"))];
    for change in &mut keyed {
        change.idempotency = Some(answer("same", "x"));
    }
    let error = fx.store.apply(&keyed).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Duplicate { task, what: Duplicate::Idempotency } if *task == keyed[1].task.id),
        "{error:?}"
    );
    assert_eq!(
        fx.store.count_tasks(&flow_server::store::TaskFilter::project(project())).await.unwrap(),
        0
    );
}

async fn aggregate_contains_unsettled_runs_and_the_newest(fx: Fixture) {
    let store = &fx.store;
    let first = stored(store, any_task("many-runs"), true).await;
    let id = first.task.id;
    let settled = first.runs[0].clone();
    let mut end = change(store, &id).await;
    let settled = settle(&mut end, &settled, RunPhase::Failed);
    store.apply(&[end]).await.unwrap();
    assert_eq!(
        store.load_task(&id).await.unwrap().unwrap().runs,
        vec![settled.clone()],
        "the newest run, though settled"
    );

    // The second run ends but does not settle; the third is new.
    let mut again = change(store, &id).await;
    let second = start(&mut again);
    store.apply(&[again]).await.unwrap();
    let mut end = change(store, &id).await;
    let second = feed(&mut end, &second, &Input::Stop { by: "alice".to_owned(), deleting: false });
    let third = start(&mut end);
    end.due = Some(at(77));
    store.apply(&[end]).await.unwrap();

    let found = store.load_task(&id).await.unwrap().unwrap();
    assert_eq!(found.runs, vec![second.clone(), third.clone()]);
    assert_eq!((found.task.runs, found.due), (3, Some(at(77))));
    let row = store.task(&id).await.unwrap().unwrap();
    assert_eq!((row.phase, row.latest_run), (Some(third.phase), Some(third.id.clone())));

    // An update of an older run does not change the columns of the newest.
    let mut older = change(store, &id).await;
    let second = settle(&mut older, &second, RunPhase::Cancelled);
    store.apply(&[older]).await.unwrap();
    let row = store.task(&id).await.unwrap().unwrap();
    assert_eq!((row.phase, row.latest_run), (Some(third.phase), Some(third.id.clone())));
    assert_eq!(store.load_task(&id).await.unwrap().unwrap().runs, vec![third.clone()]);

    let page = store.runs(&id, &PageRequest::first(2)).await.unwrap();
    assert_eq!(page.items, vec![third, second]);
    let rest =
        store.runs(&id, &PageRequest { after: page.next, ..PageRequest::first(2) }).await.unwrap();
    assert_eq!((rest.items, rest.next), (vec![settled], None));
    let wrong = store
        .runs(&id, &PageRequest { after: Some("x".to_owned()), ..PageRequest::first(2) })
        .await;
    assert!(matches!(wrong, Err(StoreError::Cursor)));
}

async fn only_rows_that_differ_are_written(fx: Fixture) {
    let store = &fx.store;
    let found = stored(store, any_task("diff"), true).await;
    let (id, before) = (found.task.id, found.runs[0].clone());
    // Columns that the update does not change are not written.
    fx.raw("UPDATE members SET phase = 'marked' WHERE party_id = 'hospital-b'").await;
    let mut moved = change(store, &id).await;
    let mut after = before.clone();
    after.members[0].phase = MemberPhase::Admitted;
    moved.runs.push(flow_server::store::RunUpdate { before: Some(before), after: after.clone() });
    store.apply(&[moved]).await.unwrap();
    assert_eq!(store.run(&after.id).await.unwrap(), Some(after));
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.members.get("marked"), Some(&1));
    assert_eq!(counts.members.get("admitted"), Some(&1));
}

async fn run_cannot_replace_another(fx: Fixture) {
    let store = &fx.store;
    let found = stored(store, any_task("a"), true).await;
    let mut thief = creation(any_task("b"));
    start(&mut thief);
    thief.runs[0].after.id = found.runs[0].id.clone();
    assert!(matches!(store.apply(&[thief]).await, Err(ApplyError::Store(StoreError::Broken(_)))));
    assert_eq!(store.run(&found.runs[0].id).await.unwrap().as_ref(), Some(&found.runs[0]));
}

async fn due_tasks_and_unsettled_members_are_found(fx: Fixture) {
    let store = &fx.store;
    assert_eq!(store.next_due().await.unwrap(), None);
    let mut tasks = Vec::new();
    for (name, due) in [("late", 30), ("soon", 10), ("next", 20)] {
        let mut change = creation(any_task(name));
        start(&mut change);
        change.due = Some(at(due));
        store.apply(std::slice::from_ref(&change)).await.unwrap();
        tasks.push(change);
    }
    let idle = stored(store, any_task("idle"), false).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(10)));
    assert_eq!(store.due_tasks(at(9), 10).await.unwrap(), vec![]);
    assert_eq!(
        store.due_tasks(at(20), 10).await.unwrap(),
        [tasks[1].task.id.clone(), tasks[2].task.id.clone()]
    );
    assert_eq!(store.due_tasks(at(99), 1).await.unwrap(), [tasks[1].task.id.clone()]);

    let active = store.active_tasks().await.unwrap();
    assert_eq!(active.len(), 3);
    assert!(!active.contains(&idle.task.id));
    let of_a = store.unsettled_of_party(&party("hospital-a")).await.unwrap();
    assert_eq!(of_a.len(), 3);
    assert!(of_a.contains(&(tasks[0].task.id.clone(), tasks[0].runs[0].after.id.clone())));
    assert_eq!(store.unsettled_of_party(&party("hospital-c")).await.unwrap(), vec![]);

    let mut end = change(store, &tasks[0].task.id).await;
    settle(&mut end, &tasks[0].runs[0].after, RunPhase::Succeeded);
    store.apply(&[end]).await.unwrap();
    assert_eq!(store.active_tasks().await.unwrap().len(), 2);
    assert_eq!(store.unsettled_of_party(&party("hospital-a")).await.unwrap().len(), 2);
    assert_eq!(store.due_tasks(at(99), 10).await.unwrap().len(), 2);
    let many: Vec<_> = tasks.iter().map(|change| change.task.id.clone()).collect();
    let loaded = store.load_tasks(&many).await.unwrap();
    assert_eq!(loaded.iter().map(|found| found.task.id.clone()).collect::<Vec<_>>(), many);
    assert!(loaded.iter().all(|found| found.runs.len() == 1));
}

async fn concurrent_writers_have_one_winner_and_lose_no_event_number(fx: Fixture) {
    const WRITERS: i64 = 4;
    const EACH: i64 = 10;
    let id = stored(&fx.store, any_task("contended"), false).await.task.id;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (store, id) = (fx.other().await, id.clone());
        writers.push(tokio::spawn(async move {
            for number in 0..EACH {
                loop {
                    let mut mine = change(&store, &id).await;
                    mine.events = vec![
                        event(&format!("{writer}/{number}/1")),
                        event(&format!("{writer}/{number}/2")),
                    ];
                    match store.apply(&[mine]).await {
                        Ok(()) => break,
                        Err(
                            ApplyError::Stale(_) | ApplyError::Store(StoreError::Unavailable(_)),
                        ) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let found = fx.store.load_task(&id).await.unwrap().unwrap();
    assert_eq!(found.version, 1 + u64::try_from(WRITERS * EACH).unwrap());
    assert_eq!(found.event_seq, 1 + 2 * WRITERS * EACH);
    let events = fx.store.events(&id, 0, 1_000).await.unwrap();
    assert!(events.iter().map(|row| row.seq).eq(1..=found.event_seq), "numbered without gaps");
    for pair in events[1..].chunks(2) {
        let (first, second) = (&pair[0].event.message, &pair[1].event.message);
        assert_eq!(
            first.strip_suffix('1'),
            second.strip_suffix('2'),
            "events of one change lie together"
        );
    }
}

async fn writers_of_overlapping_batches_do_not_deadlock(fx: Fixture) {
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(stored(&fx.store, any_task(&format!("t-{number}")), false).await.task.id);
    }
    let mut writers = Vec::new();
    for writer in 0..3_usize {
        let store = fx.other().await;
        // Each in another order: only the store's own order prevents a deadlock.
        let mut mine = ids.clone();
        mine.rotate_left(writer * 3);
        writers.push(tokio::spawn(async move {
            for _ in 0..5 {
                loop {
                    let mut changes = Vec::new();
                    for id in &mine {
                        let mut one = change(&store, id).await;
                        one.events.push(event("again"));
                        changes.push(one);
                    }
                    match store.apply(&changes).await {
                        Ok(()) => break,
                        Err(ApplyError::Stale(_)) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for id in ids {
        assert_eq!(fx.store.load_task(&id).await.unwrap().unwrap().version, 1 + 3 * 5);
    }
}

async fn batch_of_five_hundred_updates_is_one_transaction(fx: Fixture) {
    let store = &fx.store;
    let mut changes: Vec<TaskUpdate> = Vec::new();
    for number in 0..500 {
        let mut one = creation(any_task(&format!("bulk-{number}")));
        start(&mut one);
        one.idempotency = Some(answer(&format!("bulk-{number}"), one.task.id.as_str()));
        changes.push(one);
    }
    changes.reverse();
    store.apply(&changes).await.unwrap();
    let ids: Vec<_> = changes.iter().map(|one| one.task.id.clone()).collect();
    let loaded = store.load_tasks(&ids).await.unwrap();
    assert_eq!(loaded.len(), 500);
    for one in &changes {
        let index = loaded.binary_search_by(|found| found.task.id.cmp(&one.task.id)).unwrap();
        assert_eq!(loaded[index].task, one.task);
        assert_eq!(loaded[index].runs[0], one.runs[0].after);
    }
    let findings = store.doctor().await;
    assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
}

async fn extreme_values_survive_a_round_trip(fx: Fixture) {
    let store = &fx.store;
    let mut change = creation(any_task(&"\u{1F9EA}".repeat(50)));
    change.task.created_at = Timestamp(i64::MIN);
    change.task.modified_at = Timestamp(i64::MAX);
    change.task.body.remark = "\u{0}\u{1}\t\r\n\u{2028}'\"\\%_!;--".to_owned();
    change.due = Some(Timestamp(0));
    change.events[0].at = Timestamp(-1);
    change.events[0].event.message = "é".repeat(40_000);
    let run = start(&mut change);
    change.due = Some(Timestamp(0));
    let member = &mut change.runs[0].after.members[1];
    member.sequence = u64::MAX;
    member.generation = u64::MAX;
    member.contact = Contact::Away(Timestamp(i64::MAX));
    change.specs[0].bytes = (0..=255).cycle().take(1_000_000).collect();
    change.specs[0].digest = Digest::of(&change.specs[0].bytes);
    store.apply(std::slice::from_ref(&change)).await.unwrap();
    let found = store.load_task(&change.task.id).await.unwrap().unwrap();
    assert_eq!(found.task, change.task);
    assert_eq!(found.runs[0], change.runs[0].after);
    assert_eq!(found.due, Some(Timestamp(0)));
    assert_eq!(store.events(&change.task.id, 0, 1).await.unwrap()[0].event, change.events[0].event);
    assert_eq!(
        store.spec(&change.task.id, &change.specs[0].digest).await.unwrap().unwrap(),
        change.specs[0].bytes
    );
    assert_eq!(store.run(&run.id).await.unwrap().unwrap().ending, None);
}

async fn corrupt_row_is_named_in_the_error(fx: Fixture) {
    let store = &fx.store;
    let found = stored(store, any_task("broken"), true).await;
    let (id, run) = (&found.task.id, &found.runs[0].id);
    let names = |error: StoreError, want: (&str, &str)| match error {
        StoreError::Corrupt { table, column, .. } => assert_eq!((table, column), want),
        other => panic!("{other:?}"),
    };
    fx.raw("UPDATE members SET body = '{\"half\":' WHERE party_id = 'hospital-b'").await;
    names(store.load_task(id).await.unwrap_err(), ("members", "body"));
    names(store.run(run).await.unwrap_err(), ("members", "body"));
    fx.raw("DELETE FROM members").await;
    names(store.run(run).await.unwrap_err(), ("members", "run_id"));
    fx.raw("UPDATE runs SET body = '[]'").await;
    names(store.run(run).await.unwrap_err(), ("runs", "body"));
    fx.raw("UPDATE tasks SET phase = 'dancing'").await;
    names(store.task(id).await.unwrap_err(), ("tasks", "phase"));
    fx.raw("UPDATE tasks SET body = ''").await;
    names(store.task(id).await.unwrap_err(), ("tasks", "body"));
    fx.raw("UPDATE events SET kind = 'nothing'").await;
    names(store.events(id, 0, 10).await.unwrap_err(), ("events", "kind"));
    let digest = found.runs[0].members[0].digest.clone();
    fx.raw("UPDATE specs SET bytes = X'00'").await;
    names(store.spec(id, &digest).await.unwrap_err(), ("specs", "bytes"));
    fx.raw("UPDATE tasks SET event_seq = event_seq + 1").await;
    let findings = store.doctor().await;
    assert!(
        findings.iter().any(|finding| finding.check == "events" && !finding.ok),
        "{findings:?}"
    );
}

async fn overview_counts_tasks_and_runs_over_time(fx: Fixture) {
    let store = &fx.store;
    let mut ends = Vec::new();
    for (name, phase) in [("a", RunPhase::Failed), ("b", RunPhase::Succeeded)] {
        let task = stored(store, any_task(name), true).await;
        let mut change = change(store, &task.task.id).await;
        let ended = settle(&mut change, &task.runs[0], phase);
        ends.push(ended.finished_at.expect("it has ended"));
        store.apply(&[change]).await.unwrap();
    }
    stored(store, any_task("c"), true).await;
    stored(store, any_task("d"), false).await;
    let counts = store.count_by_phase(&project()).await.unwrap();
    let expected = [("failed", 1), ("new", 1), ("reserving", 1), ("succeeded", 1)];
    assert_eq!(counts, expected.map(|(phase, count)| (phase.to_owned(), count)).into());

    let from = Timestamp(ends[0].0 - 10_000_000);
    let buckets = store.run_buckets(&project(), from, 5_000_000, 4).await.unwrap();
    let sums = buckets.iter().fold((0, 0, 0), |sums, bucket| {
        (sums.0 + bucket.succeeded, sums.1 + bucket.failed, sums.2 + bucket.cancelled)
    });
    assert_eq!(sums, (1, 1, 0), "{buckets:?}");
    assert_eq!(buckets[2].failed, 1, "{buckets:?}");
    let started: u64 = {
        let all = store.run_buckets(&project(), Timestamp(0), 1_000_000_000_000_000, 4).await;
        all.unwrap().iter().map(|bucket| bucket.started).sum()
    };
    assert_eq!(started, 3);
    let runs = store.attention_runs(&project(), Timestamp(0), 10).await.unwrap();
    let names = |runs: &[(flow_domain::run::Run, String)]| {
        runs.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&runs.failed), ["a"]);
    assert!(runs.waiting.iter().all(|(run, _)| run.waiting.is_some()));
    let later = store.attention_runs(&project(), Timestamp(i64::MAX), 10).await.unwrap();
    assert_eq!(names(&later.failed), [""; 0]);
}
