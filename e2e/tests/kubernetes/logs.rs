//! Logs of Pods at the party: lines in order, each once, none missing within the limit.

use flow_e2e::proc;
use flow_testkit::kube::BUSYBOX;
use serde_json::json;

use super::*;

/// Log limit of an agent per member.
const LIMIT: usize = 64 << 20;
/// Number of lines at one party, which exceed the limit, and width of a line after its number.
const LINES: usize = 75_000;
const WIDTH: usize = 1_000;

/// Many lines at once at one party; at the other a growing log until the release.
const WORK: &str = r#"
if [ "$FED_PARTY" = hospital-a ]; then
    exec awk -v lines="$1" -v form="%d%$2s\n" 'BEGIN { for (n = 1; n <= lines; n++) printf form, n, "." }'
fi
pad=$(printf "%$2s" .)
n=0
until [ -e "$FED_DATA_DIR/released" ]; do
    for _ in 0 1 2 3 4 5 6 7 8 9; do n=$((n + 1)); echo "$n$pad"; done
    sleep 0.03
done
echo "$n lines"
"#;

/// The log of the party's member at the agent.
fn kept(federation: &Federation, party: &str) -> String {
    let work = federation.data_dir(party).join("kubernetes");
    let folders =
        fs::read_dir(work).into_iter().flatten().flatten().map(|entry| entry.path().join("log"));
    let mut segments: Vec<_> = folders
        .filter_map(|log| fs::read_dir(log).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    segments.sort();
    segments.iter().map(|segment| fs::read_to_string(segment).unwrap_or_default()).collect()
}

/// The numbers of the lines; panics at the first gap.
fn numbers<'a>(lines: impl Iterator<Item = &'a str>) -> std::ops::RangeInclusive<usize> {
    let (mut first, mut last) = (None, 0);
    for line in lines {
        let number =
            line.split(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or_default();
        assert_eq!(line, format!("{number}{:>WIDTH$}", "."), "it comes after {last}");
        assert!(first.is_none() || number == last + 1, "{number} comes after {last}");
        first.get_or_insert(number);
        last = number;
    }
    first.expect("a line")..=last
}

#[tokio::test]
async fn large_log_and_log_with_killed_agents_contain_each_line_once() {
    let mut ground = Ground::new().await;
    ground.start_operator("");
    let builder = ground
        .builder("")
        .agent("images.small.container", BUSYBOX)
        .agent("images.small.allow", "true")
        .agent("images.small.env", "[\"E2E\"]");
    let mut federation = builder.start().await;
    let job = Job::new("print")
        .template("image", "small")
        .template(
            "command",
            json!(["sh", "-c", WORK, "print", LINES.to_string(), WIDTH.to_string()]),
        )
        .trainers_only();
    let run = federation
        .hub
        .launch(&job.dataset("hospital-a", "digits").dataset("hospital-b", "digits"))
        .await;

    for _ in 0..3 {
        let spool = federation.data_dir("hospital-b").join("kubernetes");
        let before = proc::bytes_below(&spool);
        // More than the agent may have to read again.
        let more = async || (proc::bytes_below(&spool) > before + (512 << 10)).then_some(());
        assert!(
            eventually(PATIENCE, more).await.is_some(),
            "no more is printed than {before} bytes"
        );
        federation.kill9_agent("hospital-b");
        federation.start_agent("hospital-b").await;
    }
    fs::write(ground.folder.path().join("rows/hospital-b/released"), "")
        .expect("the folder is writable");
    federation.hub.ends_within(&run, "succeeded", "completed", PATIENCE).await;

    let text = log(&federation, &run, "hospital-b").await;
    let (lines, end) = text.trim_end().rsplit_once('\n').expect("lines");
    let all = numbers(lines.lines());
    assert_eq!((*all.start(), end), (1, format!("{} lines", all.end()).as_str()));

    let text = kept(&federation, "hospital-a");
    assert!((LIMIT * 3 / 4..=LIMIT).contains(&text.len()), "{} bytes are kept", text.len());
    // The first line may be cut off.
    assert_eq!(*numbers(text.lines().skip(1)).end(), LINES);
    federation.end().await;
}
