//! Progress and series.

use std::collections::BTreeMap;

use flow_domain::id::RunId;
use flow_domain::progress::{PartyProgress, Point, Progress};
use flow_server::store::{ProgressWrite, StoreError};

use crate::support::*;

crate::on_every_database!(
    newest_progress_wins_and_points_add_up,
    long_series_is_thinned_over_its_whole_length,
    repeated_points_are_stored_once,
    points_beyond_the_limits_are_dropped_alone,
    corrupt_series_is_named_in_the_error,
);

fn write(run: &RunId, name: &str, epoch: u32, points: Vec<Point>) -> ProgressWrite {
    ProgressWrite {
        project: project(),
        run: run.clone(),
        party: party(name),
        at: at(i64::from(epoch)),
        progress: Progress {
            epoch: Some(epoch),
            epochs: Some(3),
            parties: BTreeMap::from([(
                "größe".to_owned(),
                PartyProgress {
                    ready: true,
                    complete: false,
                    current_epoch: epoch,
                    total_epoch: 3,
                },
            )]),
            metrics: BTreeMap::from([("acc".to_owned(), "0.5".to_owned())]),
            points,
            complete: epoch == 3,
        },
    }
}

fn points(series: &str, steps: std::ops::Range<u64>) -> Vec<Point> {
    steps
        .map(|step| Point { series: series.to_owned(), step, value: format!("{step}.5") })
        .collect()
}

async fn newest_progress_wins_and_points_add_up(fx: Fixture) {
    let store = &fx.store;
    let (run, other): (RunId, RunId) = (hex().parse().unwrap(), hex().parse().unwrap());
    let both = [points("local/acc", 0..2), points("loss", 0..1)].concat();
    store
        .write_progress(&[write(&run, "a", 1, both), write(&other, "a", 1, vec![])])
        .await
        .unwrap();
    // The same member twice in one batch: the later value wins, and the points of both are stored.
    let batch = [
        write(&run, "a", 2, points("loss", 1..2)),
        write(&run, "b", 1, vec![]),
        write(&run, "a", 3, points("loss", 2..3)),
    ];
    store.write_progress(&batch).await.unwrap();

    let rows = store.progress(std::slice::from_ref(&run)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.party.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let mut newest = write(&run, "a", 3, vec![]);
    assert_eq!((rows[0].at, &rows[0].progress), (newest.at, &newest.progress));
    newest.progress.points = vec![];
    assert_eq!(store.progress(&[run.clone(), other]).await.unwrap().len(), 3);
    assert_eq!(store.progress(&[hex().parse().unwrap()]).await.unwrap(), vec![]);

    let series = store.series(&run, &party("a")).await.unwrap();
    assert_eq!(series["local/acc"], points("local/acc", 0..2));
    assert_eq!(series["loss"], points("loss", 0..3));
    assert!(store.series(&run, &party("b")).await.unwrap().is_empty());
}

async fn long_series_is_thinned_over_its_whole_length(fx: Fixture) {
    let store = &fx.store;
    let run: RunId = hex().parse().unwrap();
    for block in 0..25_u64 {
        store
            .write_progress(&[write(&run, "a", 1, points("loss", block * 300..(block + 1) * 300))])
            .await
            .unwrap();
    }
    let series = store.series(&run, &party("a")).await.unwrap().remove("loss").unwrap();
    assert!(series.len() <= 2_000 && series.len() >= 999, "{}", series.len());
    assert_eq!(series[0].step, 0);
    let stride = series[1].step;
    assert!(series.iter().all(|point| point.value == format!("{}.5", point.step)));
    let (newest, regular) = series.split_last().unwrap();
    assert!(regular.iter().zip(0..).all(|(point, index)| point.step == index * stride));
    assert_eq!(newest.step, 7_499);
}

async fn repeated_points_are_stored_once(fx: Fixture) {
    let store = &fx.store;
    for count in [3, 100, 101, 250, 2_345] {
        let run: RunId = hex().parse().unwrap();
        let known = [points("local/acc", 0..count), points("loss", 0..count)].concat();
        store.write_progress(&[write(&run, "a", 1, known.clone())]).await.unwrap();
        let before = store.series(&run, &party("a")).await.unwrap();
        // All known points again, and the lost ones.
        let again = [known, points("loss", count..count + 2)].concat();
        store.write_progress(&[write(&run, "a", 1, again)]).await.unwrap();
        let after = store.series(&run, &party("a")).await.unwrap();
        assert_eq!(after["local/acc"], before["local/acc"], "{count}");
        let mut steps: Vec<u64> = after["loss"].iter().map(|point| point.step).collect();
        assert_eq!(steps.last(), Some(&(count + 1)), "{count}");
        let all = steps.len();
        steps.dedup();
        assert!(steps.is_sorted() && steps.len() == all, "{count}");
        if count < 2_000 {
            assert_eq!(after["loss"], points("loss", 0..count + 2), "{count}");
        }
    }
    let run: RunId = hex().parse().unwrap();
    let at =
        |value: &str| vec![Point { series: "loss".to_owned(), step: 7, value: value.to_owned() }];
    store.write_progress(&[write(&run, "a", 1, at("1"))]).await.unwrap();
    store.write_progress(&[write(&run, "a", 1, at("2"))]).await.unwrap();
    assert_eq!(
        store.series(&run, &party("a")).await.unwrap()["loss"],
        at("2"),
        "the newest step may be measured again"
    );
}

async fn points_beyond_the_limits_are_dropped_alone(fx: Fixture) {
    let store = &fx.store;
    let run: RunId = hex().parse().unwrap();
    let mut all = points("good", 0..1);
    all.extend(points(&"n".repeat(300), 0..1));
    all.push(Point { series: "long".to_owned(), step: 0, value: "1".repeat(100) });
    store.write_progress(&[write(&run, "a", 1, all)]).await.unwrap();
    let series = store.series(&run, &party("a")).await.unwrap();
    assert_eq!(series.keys().collect::<Vec<_>>(), ["good"]);

    let many: Vec<Point> =
        (0..100).flat_map(|number| points(&format!("s{number:03}"), 0..1)).collect();
    store.write_progress(&[write(&run, "a", 2, many)]).await.unwrap();
    store.write_progress(&[write(&run, "a", 3, points("good", 1..2))]).await.unwrap();
    let series = store.series(&run, &party("a")).await.unwrap();
    assert_eq!(series.len(), 64);
    assert_eq!(series["good"], points("good", 0..2), "an existing series continues");
}

async fn corrupt_series_is_named_in_the_error(fx: Fixture) {
    let run: RunId = hex().parse().unwrap();
    fx.store.write_progress(&[write(&run, "a", 1, points("loss", 0..1))]).await.unwrap();
    fx.raw("UPDATE series SET tail = '[1'").await;
    fx.raw("UPDATE progress SET body = ''").await;
    let error = fx.store.series(&run, &party("a")).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Corrupt { table: "series", column: "tail", .. }),
        "{error:?}"
    );
    let error = fx.store.progress(&[run]).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Corrupt { table: "progress", column: "body", .. }),
        "{error:?}"
    );
}
