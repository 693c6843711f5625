//! Specs: built and sealed at the hub, opened and filled at the agent.

use std::collections::{BTreeMap, BTreeSet};

use flow_domain::bindings::{self, Bindings};
use flow_domain::error::ErrorCode;
use flow_domain::framework;
use flow_domain::framework::seal_all;
use flow_domain::id::Digest;
use flow_domain::member::Role;
use flow_domain::sample;
use flow_domain::spec::{Filled, Hole, MemberSpec, SPEC_BYTES_MAX, SealedSpec, canonical, seal};
use flow_domain::task::TaskBody;
use flow_domain::template::{Framework, TemplateBody};
use proptest::prelude::*;
use proptest::sample::Index;

fn sealed(task: &TaskBody, template: &TemplateBody, party: &str) -> SealedSpec {
    assert_eq!(template.validate(), Ok(()));
    assert_eq!(task.validate(template, &|_| true), Ok(()));
    seal_all(task, template)
        .expect("a valid task has specs")
        .remove(&sample::party(party))
        .expect("every member has one")
}

fn spec_of(party: &str) -> MemberSpec {
    sealed(&sample::task(), &sample::template(), party).spec
}

fn with_parameters(parameters: &[(&str, &str)]) -> TaskBody {
    let mut task = sample::task();
    task.parameters
        .extend(parameters.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    task
}

/// Fills a spec with the hub's bindings, example endpoints, and ports from 40000 on.
fn filled(spec: &MemberSpec, trainers: u32) -> Filled {
    let endpoint = |party: &_, port: &str| {
        Some(format!("{party}.example:{}", if port == "grpc" { 5001 } else { 6001 }))
    };
    let bindings = bindings::compose(&spec.holes, &sample::run_id(), 1, trainers, &endpoint)
        .expect("everything has a value");
    let ports = spec.ports().zip(40_000..).map(|(name, port)| (name.to_owned(), port)).collect();
    spec.fill(&bindings, &ports).expect("the values are of the declared types")
}

fn env<'a>(filled: &'a Filled, name: &str) -> Option<&'a str> {
    filled.env.get(name).map(String::as_str)
}

#[test]
fn aggregator_has_the_arguments_of_the_original_platform() {
    let spec = spec_of("hub");
    assert_eq!(spec.ports().collect::<Vec<_>>(), ["grpc", "http"]);
    let filled = filled(&spec, 2);
    assert_eq!(
        filled.argv,
        [
            "python",
            "-m",
            "iflearner.business.homo.aggregate_server",
            "-n=2",
            "--epochs=3",
            "--addr=127.0.0.1:40000",
            "--http_addr=127.0.0.1:40001",
            "--strategy=FedAvg",
            "--strategy_params={}",
        ]
    );
    assert_eq!(env(&filled, "FED_ROLE"), Some("server"));
    assert_eq!(env(&filled, "FED_LISTEN_ADDR"), Some("127.0.0.1:40000"));
    assert_eq!(env(&filled, "FED_HTTP_ADDR"), Some("127.0.0.1:40001"));
    assert_eq!(env(&filled, "FED_SERVER_ADDR"), None);
    assert_eq!(spec.dataset, None);
}

#[test]
fn f18_trainer_gets_its_parameters_as_flags_and_as_json() {
    let spec = spec_of("hospital-b");
    assert_eq!(spec.ports().count(), 0, "a trainer without peers listens nowhere");
    let filled = filled(&spec, 2);
    assert_eq!(
        filled.argv,
        [
            "python",
            "client.py",
            "--lr=0.25",
            "--name=hospital-b",
            "--epochs=3",
            "--server=hub.example:5001"
        ]
    );
    let expected = [
        ("FED_EPOCHS", "3"),
        ("FED_PARAMS", r#"{"lr":"0.25"}"#),
        ("FED_PARTIES", "hub,hospital-b"),
        ("FED_PARTY", "hospital-b"),
        ("FED_PARTY_INDEX", "2"),
        ("FED_ROLE", "client"),
        ("FED_RUN_ID", sample::run_id().as_str()),
        ("FED_SERVER_ADDR", "hub.example:5001"),
        ("FED_TRAINERS", "2"),
        ("PYTHONUNBUFFERED", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(filled.env, BTreeMap::from(expected));
    assert_eq!(
        spec.dataset.as_ref().map(|d| d.as_str()),
        Some("digits"),
        "a name, and no path (F3)"
    );
}

#[test]
fn f18_defaults_of_the_template_reach_the_workload() {
    let mut task = sample::task();
    task.parameters.clear();
    let spec = sealed(&task, &sample::template(), "hospital-a").spec;
    assert!(spec.argv.contains(&"--lr=0.5".to_owned()), "{:?}", spec.argv);
    assert_eq!(spec.parameters["lr"], "0.5");
}

#[test]
fn l5_flags_of_the_platform_come_last_and_override_others() {
    let mut template = sample::template();
    template.command.push("--epochs=9".to_owned());
    let argv = sealed(&sample::task(), &template, "hospital-a").spec.argv;
    let last = argv.iter().rev().find(|arg| arg.starts_with("--ep"));
    assert_eq!(last.map(String::as_str), Some("--epochs=3"));
}

#[test]
fn f14_repeated_starts_accumulate_nothing() {
    let (task, template) = (sample::task(), sample::template());
    assert_eq!(
        seal_all(&task, &template).expect("valid"),
        seal_all(&task, &template).expect("valid")
    );
}

#[test]
fn l10_output_is_unbuffered_unless_the_template_overrides_it() {
    let mut template = sample::template();
    template.env.insert("PYTHONUNBUFFERED".to_owned(), String::new());
    assert_eq!(spec_of("hub").env["PYTHONUNBUFFERED"], "1");
    assert_eq!(sealed(&sample::task(), &template, "hub").spec.env["PYTHONUNBUFFERED"], "");
}

#[test]
fn l20_all_members_listen_on_loopback_only() {
    let task = with_parameters(&[("smpc", "true")]);
    for (_, SealedSpec { spec, .. }) in seal_all(&task, &sample::template()).expect("valid") {
        let texts = || spec.argv.iter().chain(spec.env.values());
        assert!(!texts().any(|text| text.contains("0.0.0.0")));
        for text in texts().filter(|text| text.contains("${port.")) {
            assert!(text.contains("127.0.0.1:${port."), "{text}");
        }
    }
}

#[test]
fn l22_one_image_for_all_parties_and_the_aggregator() {
    let specs = seal_all(&sample::task(), &sample::template()).expect("valid");
    let images: BTreeSet<_> = specs.values().map(|sealed| &sealed.spec.image).collect();
    assert_eq!(images.len(), 1);
}

#[test]
fn f4_peers_are_only_the_other_trainers_of_the_task() {
    let mut task = with_parameters(&[("smpc", "true")]);
    task.members.push(sample::member("hospital-c", Role::Trainer));
    let spec = sealed(&task, &sample::template(), "hospital-b").spec;
    assert_eq!(spec.ports().collect::<Vec<_>>(), ["peer"]);
    let filled = filled(&spec, 3);
    let peers = "--peers=127.0.0.1:40000;hospital-a.example:6001;hospital-c.example:6001";
    assert_eq!(filled.argv.last().map(String::as_str), Some(peers));
    assert_eq!(env(&filled, "FED_LISTEN_ADDR"), Some("127.0.0.1:40000"));
    assert_eq!(
        env(&filled, "FED_PEERS"),
        Some("hospital-a=hospital-a.example:6001,hospital-c=hospital-c.example:6001")
    );
    assert!(
        !sealed(&task, &sample::template(), "hub").spec.argv.iter().any(|arg| arg.contains("peer"))
    );

    let mut foreign = spec;
    let hole = Hole::Endpoint { party: sample::party("stranger"), port: "peer".to_owned() };
    foreign.holes.insert("endpoint.stranger.peer".to_owned(), hole);
    assert!(seal(foreign).is_err(), "no spec can be made that dials outside of the task");
}

#[test]
fn specs_without_smpc_contain_no_peers() {
    for (_, SealedSpec { spec, .. }) in
        seal_all(&sample::task(), &sample::template()).expect("valid")
    {
        assert!(!spec.argv.iter().any(|arg| arg.starts_with("--peers")));
        assert!(!spec.env.contains_key("FED_PEERS"));
    }
}

#[test]
fn specs_contain_only_peers_of_the_member() {
    let listed = |task: &TaskBody, template: &TemplateBody, name: &str| {
        let spec = sealed(task, template, name).spec;
        let parties: Vec<_> = spec.parties.iter().map(|other| other.party.to_string()).collect();
        assert_eq!(spec.env["FED_PARTIES"], parties.join(","));
        if !parties.iter().any(|other| other == "hospital-a") {
            assert!(
                !String::from_utf8(sealed(task, template, name).bytes)
                    .expect("JSON is UTF-8")
                    .contains("hospital-a")
            );
        }
        parties
    };
    let (task, template) = (sample::task(), sample::template());
    assert_eq!(
        listed(&task, &template, "hub"),
        ["hub", "hospital-a", "hospital-b"],
        "whose lines its status page may show"
    );
    assert_eq!(listed(&task, &template, "hospital-b"), ["hub", "hospital-b"]);
    let masked = with_parameters(&[("smpc", "true")]);
    assert_eq!(
        listed(&masked, &template, "hospital-b"),
        ["hub", "hospital-a", "hospital-b"],
        "masks go from trainer to trainer"
    );
    let generic = TemplateBody { framework: Framework::Generic, ..template };
    let mut alone = task.clone();
    assert_eq!(listed(&task, &generic, "hub").len(), 3);
    alone.members.remove(0);
    assert_eq!(listed(&alone, &generic, "hospital-b"), ["hospital-b"]);
}

#[test]
fn strategy_is_an_argument_of_the_aggregator_only() {
    let task = with_parameters(&[
        ("strategy", "Scaffold"),
        ("strategy_params", r#"{"weighted_fedavg": true}"#),
    ]);
    let argv = sealed(&task, &sample::template(), "hub").spec.argv;
    assert!(argv.ends_with(&[
        "--strategy=Scaffold".to_owned(),
        r#"--strategy_params={"weighted_fedavg": true}"#.to_owned()
    ]));
    let trainer = sealed(&task, &sample::template(), "hospital-a").spec;
    assert!(!trainer.argv.iter().any(|arg| arg.starts_with("--strategy")));
    assert!(trainer.env["FED_PARAMS"].contains("Scaffold"), "but the contract contains it");
}

#[test]
fn aggregator_command_replaces_the_default() {
    let mut template = sample::template();
    template.aggregator_command = vec!["ifl_server".to_owned()];
    assert_eq!(
        sealed(&sample::task(), &template, "hub").spec.argv[..2],
        ["ifl_server", "-n=${trainers}"]
    );
}

#[test]
fn generic_workload_gets_only_the_contract() {
    let mut template = TemplateBody { framework: Framework::Generic, ..sample::template() };
    template.env.insert("MODE".to_owned(), "fast".to_owned());
    let task = sample::task();
    let trainer = filled(&sealed(&task, &template, "hospital-a").spec, 2);
    assert_eq!(trainer.argv, ["python", "client.py"]);
    assert_eq!(env(&trainer, "FED_PARAMS"), Some(r#"{"lr":"0.25"}"#));
    assert_eq!(env(&trainer, "FED_SERVER_ADDR"), Some("hub.example:5001"));
    assert_eq!(env(&trainer, "MODE"), Some("fast"));
    let aggregator = filled(&sealed(&task, &template, "hub").spec, 2);
    assert_eq!(
        aggregator.argv,
        ["python", "client.py"],
        "without a command of its own it runs the same program"
    );
    assert_eq!(env(&aggregator, "FED_ROLE"), Some("server"));

    let mut alone = task;
    alone.members.remove(0);
    assert_eq!(
        env(&filled(&sealed(&alone, &template, "hospital-a").spec, 2), "FED_SERVER_ADDR"),
        None
    );
}

#[test]
fn dollar_sign_of_a_user_reaches_the_workload() {
    let mut template = sample::template();
    template.command.push("$HOME ${port.grpc} $$".to_owned());
    template.env.insert("COST".to_owned(), "${run_id}$".to_owned());
    template.parameters.insert(
        "label".to_owned(),
        flow_domain::template::ParamSchema {
            kind: flow_domain::template::ParamType::String,
            default: Some("${trainers}".to_owned()),
            allowed: Vec::new(),
            minimum: None,
            maximum: None,
            description: String::new(),
        },
    );
    let spec = sealed(&sample::task(), &template, "hospital-a").spec;
    let filled = filled(&spec, 2);
    assert_eq!(filled.argv[2], "$HOME ${port.grpc} $$");
    assert!(filled.argv.contains(&"--label=${trainers}".to_owned()), "{:?}", filled.argv);
    assert_eq!(env(&filled, "COST"), Some("${run_id}$"));
    assert_eq!(env(&filled, "FED_PARAMS"), Some(r#"{"label":"${trainers}","lr":"0.25"}"#));
}

#[test]
fn minimum_parties_widen_the_range_of_the_party_count() {
    let mut task = sample::task();
    task.rules.minimum_parties = Some(1);
    let spec = sealed(&task, &sample::template(), "hub").spec;
    assert_eq!(filled(&spec, 1).argv[3], "-n=1");
    let mut bindings = bindings::compose(&spec.holes, &sample::run_id(), 1, 1, &|_, _| None)
        .expect("no endpoint is asked for");
    for bad in ["0", "3", "-1", "01", "+1", "", "1 "] {
        bindings.insert("trainers".to_owned(), bad.to_owned());
        assert!(bindings::check(&spec.holes, &bindings).is_err(), "{bad:?}");
    }
}

#[test]
fn bindings_must_match_the_holes() {
    let spec = spec_of("hospital-a");
    let good: Bindings = [
        ("endpoint.hub.grpc", "10.0.0.7:5001"),
        ("run_id", sample::run_id().as_str()),
        ("trainers", "2"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    assert_eq!(bindings::check(&spec.holes, &good), Ok(()));
    for endpoint in ["localhost:1", "hub.example.org:65535", "[::1]:5001"] {
        let mut bindings = good.clone();
        bindings.insert("endpoint.hub.grpc".to_owned(), endpoint.to_owned());
        assert_eq!(bindings::check(&spec.holes, &bindings), Ok(()), "{endpoint}");
    }
    for endpoint in [
        "",
        "hub",
        "hub:",
        "hub:0",
        "hub:65536",
        ":1",
        "a b:1",
        "a;b:1",
        "a:1;b:2",
        "--x=a:1",
        "u@h:1",
        "[::g]:1",
        "h:01",
    ] {
        let mut bindings = good.clone();
        bindings.insert("endpoint.hub.grpc".to_owned(), endpoint.to_owned());
        assert!(bindings::check(&spec.holes, &bindings).is_err(), "{endpoint:?}");
    }
    for name in good.keys() {
        let mut bindings = good.clone();
        bindings.remove(name);
        assert!(
            bindings::check(&spec.holes, &bindings).expect_err("one is missing").contains(name)
        );
    }
    let mut more = good.clone();
    more.insert("LD_PRELOAD".to_owned(), "x".to_owned());
    assert!(
        bindings::check(&spec.holes, &more)
            .expect_err("the binding is superfluous")
            .contains("LD_PRELOAD")
    );
    let mut no_run = good;
    no_run.insert("run_id".to_owned(), "../x".to_owned());
    assert!(bindings::check(&spec.holes, &no_run).is_err());
}

#[test]
fn l11_party_chooses_and_holds_all_ports() {
    let spec = spec_of("hub");
    let mut bindings = bindings::compose(&spec.holes, &sample::run_id(), 1, 2, &|_, _| None)
        .expect("no endpoint is asked for");
    let ports = |grpc, http| BTreeMap::from([("grpc".to_owned(), grpc), ("http".to_owned(), http)]);
    assert!(spec.fill(&bindings, &ports(40_000, 40_001)).is_ok());
    assert!(spec.fill(&bindings, &ports(80, 40_001)).is_err(), "a port of the machine");
    assert!(
        spec.fill(&bindings, &BTreeMap::from([("grpc".to_owned(), 40_000)])).is_err(),
        "http is not held"
    );
    bindings.insert("port.grpc".to_owned(), "22".to_owned());
    assert!(
        bindings::check(&spec.holes, &bindings)
            .expect_err("only the party chooses ports")
            .contains("only the party may choose")
    );
}

#[test]
fn error_names_the_hole_without_a_value() {
    let holes = spec_of("hospital-a").holes;
    assert_eq!(
        bindings::compose(&holes, &sample::run_id(), 1, 2, &|_, _| None),
        Err("endpoint.hub.grpc".to_owned())
    );
}

#[test]
fn sealed_spec_opens_and_has_one_form() {
    let sealed = sealed(&sample::task(), &sample::template(), "hub");
    assert_eq!(SealedSpec::open(&sealed.bytes, &sealed.digest), Ok(sealed.clone()));
    // A constant: another implementation or a later version must compute the same digest.
    let text = String::from_utf8(sealed.bytes.clone()).expect("JSON is UTF-8");
    assert_eq!(
        text,
        concat!(
            r#"{"argv":["python","-m","iflearner.business.homo.aggregate_server","-n=${trainers}","--epochs=3","#,
            r#""--addr=127.0.0.1:${port.grpc}","--http_addr=127.0.0.1:${port.http}","--strategy=FedAvg","--strategy_params={}"],"#,
            r#""dataset":null,"env":{"FED_EPOCHS":"3","FED_HTTP_ADDR":"127.0.0.1:${port.http}","#,
            r#""FED_LISTEN_ADDR":"127.0.0.1:${port.grpc}","FED_PARAMS":"{\"lr\":\"0.25\"}","#,
            r#""FED_PARTIES":"hub,hospital-a,hospital-b","FED_PARTY":"hub","FED_PARTY_INDEX":"0","FED_ROLE":"server","#,
            r#""FED_RUN_ID":"${run_id}","FED_TRAINERS":"${trainers}","PYTHONUNBUFFERED":"1"},"epochs":3,"#,
            r#""framework":"iflearner","holes":{"port.grpc":{"max":65535,"min":1024,"type":"port"},"#,
            r#""port.http":{"max":65535,"min":1024,"type":"port"},"run_id":{"type":"run_id"},"#,
            r#""trainers":{"max":2,"min":2,"type":"integer"}},"image":"iflearner-digits","max_runtime_s":86400,"#,
            r#""parameters":{"lr":"0.25"},"parties":[{"party":"hub","role":"aggregator"},"#,
            r#"{"party":"hospital-a","role":"trainer"},{"party":"hospital-b","role":"trainer"}],"party":"hub","#,
            r#""resources":{"cpu_millis":0,"memory_mib":0},"role":"aggregator","stop_grace_s":10,"version":1,"workdir":""}"#,
        )
    );
}

fn refused(bytes: &[u8]) -> String {
    SealedSpec::open(bytes, &Digest::of(bytes)).expect_err("it must be refused")
}

/// Canonical bytes of the sample after a change of its JSON.
fn changed(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let sealed = sealed(&sample::task(), &sample::template(), "hospital-a");
    let mut value = serde_json::from_slice(&sealed.bytes).expect("it is JSON");
    change(&mut value);
    canonical::bytes(&value).expect("it is in the subset")
}

#[test]
fn agent_rejects_specs_that_the_hub_would_not_seal() {
    let sealed = sealed(&sample::task(), &sample::template(), "hospital-a");
    assert!(
        SealedSpec::open(&sealed.bytes, &Digest::of(b"else"))
            .expect_err("another spec")
            .contains("digest")
    );
    assert!(refused(b"{").contains("not JSON"));
    assert!(refused(&changed(|v| v["version"] = 2.into())).contains("version 1"));
    assert!(refused(&changed(|v| v["sudo"] = true.into())).contains("sudo"), "unknown fields");
    assert!(
        refused(&changed(|v| v["holes"]["trainers"]["step"] = 1.into())).contains("step"),
        "unknown fields within"
    );
    assert!(
        refused(&changed(|v| drop(v.as_object_mut().expect("an object").remove("dataset"))))
            .contains("canonical")
    );
    let mut spaced = sealed.bytes.clone();
    spaced.push(b'\n');
    assert!(refused(&spaced).contains("canonical"));
    let text = String::from_utf8(sealed.bytes.clone()).expect("JSON is UTF-8");
    let doubled = text.replacen("{\"argv\"", "{\"epochs\":3,\"argv\"", 1);
    assert!(
        SealedSpec::open(doubled.as_bytes(), &Digest::of(doubled.as_bytes())).is_err(),
        "a key twice"
    );
    let float = text.replace("\"epochs\":3", "\"epochs\":3.0");
    assert!(SealedSpec::open(float.as_bytes(), &Digest::of(float.as_bytes())).is_err());
    assert!(refused(&vec![b' '; SPEC_BYTES_MAX + 1]).contains("the limit is"));
    assert!(refused("[".repeat(100_000).as_bytes()).contains("not JSON"), "nesting is bounded");
}

#[test]
fn agent_rejects_invalid_specs_in_canonical_form() {
    assert!(refused(&changed(|v| v["argv"] = serde_json::json!([]))).contains("program"));
    assert!(
        refused(&changed(|v| v["argv"][1] = "${port.grpc}".into())).contains("port.grpc"),
        "an undeclared hole"
    );
    assert!(refused(&changed(|v| v["argv"][1] = "$HOME".into())).contains("dollar"));
    assert!(refused(&changed(|v| v["argv"][1] = "a\0b".into())).contains("NUL"));
    assert!(refused(&changed(|v| v["env"]["A=B"] = "x".into())).contains("A=B"));
    assert!(refused(&changed(|v| v["party"] = "../x".into())).contains("party name"));
    assert!(refused(&changed(|v| v["party"] = "stranger".into())).contains("stranger"));
    assert!(refused(&changed(|v| v["epochs"] = 0.into())).contains("epochs"));
    assert!(refused(&changed(|v| v["workdir"] = "../..".into())).contains("workdir"));
    assert!(refused(&changed(|v| v["max_runtime_s"] = 0.into())).contains("max_runtime_s"));
    assert!(
        refused(&changed(
            |v| v["holes"]["port.grpc"] = serde_json::json!({"type": "port", "min": 1, "max": 80})
        ))
        .contains("1024")
    );
    assert!(
        refused(&changed(
            |v| v["holes"]["x"] = serde_json::json!({"type": "port", "min": 2000, "max": 3000})
        ))
        .contains("ports")
    );
}

#[test]
fn spec_above_the_size_limit_is_rejected_when_built() {
    let mut task = sample::task();
    let mut template = sample::template();
    for index in 0..40 {
        template.env.insert(format!("V{index}"), "x".repeat(8_000));
    }
    assert_eq!(template.validate(), Ok(()));
    let error = seal_all(&task, &template).expect_err("320 kB of environment");
    assert_eq!(error.code, ErrorCode::Invalid);
    assert!(error.message.contains("shorten"), "{error}");
    // The largest task fits.
    task.members.extend(
        (0..900).map(|i| sample::member(&format!("{}-{i}", "h".repeat(40)), Role::Trainer)),
    );
    assert!(seal_all(&task, &sample::template()).is_ok());
}

#[test]
fn every_port_of_a_spec_is_allowed_for_its_role() {
    for framework in Framework::ALL {
        for smpc in ["false", "true"] {
            let template = TemplateBody { framework: *framework, ..sample::template() };
            let mut task = sample::task();
            if *framework == Framework::Iflearner {
                task.parameters.insert("smpc".to_owned(), smpc.to_owned());
            }
            for (_, SealedSpec { spec, .. }) in seal_all(&task, &template).expect("valid") {
                let allowed = framework::ports(*framework, spec.role);
                assert!(
                    spec.ports().all(|port| allowed.contains(&port)),
                    "{framework} {}",
                    spec.party
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The hub would have sealed every spec that an agent opens with exactly these bytes.
    #[test]
    fn untrusted_bytes_are_rejected_or_have_the_canonical_form(at in any::<Index>(), byte in any::<u8>(), insert in any::<bool>()) {
        let sealed = sealed(&sample::task(), &sample::template(), "hospital-a");
        let mut bytes = sealed.bytes.clone();
        let at = at.index(bytes.len());
        if insert {
            bytes.insert(at, byte);
        } else {
            bytes[at] = byte;
        }
        if let Ok(opened) = SealedSpec::open(&bytes, &Digest::of(&bytes)) {
            prop_assert_eq!(seal(opened.spec).expect("it is sound").bytes, bytes);
        }
    }

    #[test]
    fn any_text_of_a_user_arrives_unchanged(text in "[^\0]{0,40}|[${}port.grpc]{0,40}") {
        let mut template = sample::template();
        template.command.push(text.clone());
        let sealed = sealed(&sample::task(), &template, "hospital-a");
        let opened = SealedSpec::open(&sealed.bytes, &sealed.digest).expect("what was sealed opens");
        prop_assert_eq!(&filled(&opened.spec, 2).argv[2], &text);
    }
}
