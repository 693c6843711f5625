//! `logs` of all parties, `metrics`, `run stop`, `cancel`, `watch`, `top` without a terminal.

use super::{Files, Hub};

#[test]
fn u14_logs_of_all_parties_have_prefixes() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["task", "submit", &files.write(&hub.manifest("talking", "learn")), "-w"]).exits(0);
    for arguments in
        [&["logs", "talking"][..], &["logs", "talking", "-f"], &["run", "logs", "talking/1"]]
    {
        let done = hub.run(arguments).exits(0);
        let mut lines: Vec<&str> = done.out.lines().collect();
        lines.sort_unstable();
        let expected: Vec<String> = ["hospital-a", "hospital-b"]
            .iter()
            .flat_map(|party| {
                (1..=3).map(move |epoch| format!("{party} │ epoch {epoch} of {party}"))
            })
            .collect();
        assert_eq!(lines, expected, "{done:?}");
    }
    let one = hub.run(&["run", "logs", "talking", "hospital-b", "--tail", "1"]).exits(0);
    assert_eq!(one.out, "epoch 3 of hospital-b\n");
}

#[test]
fn u14_metrics_are_a_table_csv_or_json() {
    let (hub, files) = (Hub::shared(), Files::new());
    hub.run(&["task", "submit", &files.write(&hub.manifest("measured", "learn")), "-w"]).exits(0);
    let table = hub.run(&["metrics", "measured"]).exits(0).out;
    let words: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["METRIC", "PARTY", "POINTS", "STEP", "LAST", "MIN", "MAX"]);
    assert_eq!(words[1], ["loss", "hospital-a", "3", "3", "0.6", "0.6", "0.8"]);
    let csv = hub.run(&["metrics", "measured", "hospital-a", "--csv"]).exits(0).out;
    assert_eq!(
        csv,
        "party,metric,step,value\nhospital-a,loss,1,0.8\nhospital-a,loss,2,0.7\nhospital-a,loss,3,0.6\n"
    );
    let done = hub.run(&["run", "metrics", "measured/1", "--json", "-m", "loss"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(json["hospital-b"]["series"][0]["points"][2]["value"], 0.6);
    let none = hub.json(&["metrics", "measured", "-m", "speed"]);
    assert_eq!(none["hospital-a"]["series"], serde_json::json!([]));
}

#[test]
fn u14_cancel_and_run_stop_end_the_active_run() {
    let (hub, files) = (Hub::shared(), Files::new());
    let path = files.write(&hub.manifest("endless", "work, gate"));
    for (verb, expected) in [
        (&["cancel", "endless"][..], "task endless is being stopped\n"),
        (&["task", "cancel", "endless"], "task endless is being stopped\n"),
        (&["run", "stop", "endless"], "run 3 of task endless is being stopped\n"),
    ] {
        hub.run(&["submit", &path]).exits(0);
        assert_eq!(hub.run(verb).exits(0).out, expected);
        let done = hub.run(&["watch", "endless"]).exits(7);
        assert!(done.out.contains("cancelled"), "{done:?}");
    }
    let done = hub.run(&["run", "stop", "endless/1"]).exits(4);
    assert!(done.err.contains("run 1 of task endless has ended: cancelled"), "{done:?}");
    hub.run(&["run", "stop", "endless/9"]).exits(3);
}

#[test]
fn u14_top_without_a_terminal_is_an_error() {
    let hub = Hub::shared();
    let done = hub.run(&["top"]).exits(2);
    assert!(done.err.contains("needs a terminal") && done.out.is_empty(), "{done:?}");
}
