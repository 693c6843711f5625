//! Validation of templates and tasks: errors, their paths, and that all errors are reported at
//! once.

use std::collections::BTreeMap;

use flow_domain::error::{Error, ErrorCode, FieldCode, FieldErrors};
use flow_domain::member::Role;
use flow_domain::sample;
use flow_domain::task::{Rules, TaskBody};
use flow_domain::template::{Framework, ParamSchema, ParamType, TemplateBody};
use flow_domain::validation::validate_head;

fn faults(result: Result<(), FieldErrors>) -> Vec<(String, FieldCode)> {
    result.err().unwrap_or_default().0.into_iter().map(|e| (e.path, e.code)).collect()
}

fn template_faults(change: impl FnOnce(&mut TemplateBody)) -> Vec<(String, FieldCode)> {
    let mut template = sample::template();
    change(&mut template);
    faults(template.validate())
}

fn task_faults(change: impl FnOnce(&mut TaskBody)) -> Vec<(String, FieldCode)> {
    with_template(&sample::template(), change)
}

fn with_template(
    template: &TemplateBody,
    change: impl FnOnce(&mut TaskBody),
) -> Vec<(String, FieldCode)> {
    let mut task = sample::task();
    change(&mut task);
    faults(task.validate(template, &|party| party.as_str() != "stranger"))
}

fn only(path: &str, code: FieldCode) -> Vec<(String, FieldCode)> {
    vec![(path.to_owned(), code)]
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn set(task: &mut TaskBody, name: &str, value: &str) {
    task.parameters.insert(name.to_owned(), value.to_owned());
}

fn schema(kind: ParamType) -> ParamSchema {
    ParamSchema {
        kind,
        default: None,
        allowed: Vec::new(),
        minimum: None,
        maximum: None,
        description: String::new(),
    }
}

fn declaring(name: &str, schema: ParamSchema) -> TemplateBody {
    TemplateBody { parameters: BTreeMap::from([(name.to_owned(), schema)]), ..sample::template() }
}

#[test]
fn the_sample_is_right() {
    assert_eq!(sample::template().validate(), Ok(()));
    assert_eq!(task_faults(|_| ()), []);
}

#[test]
fn f22_documented_limits_of_names_and_remarks_are_enforced() {
    assert_eq!(faults(validate_head("", "")), only("/name", FieldCode::TooShort));
    assert_eq!(validate_head("病院", ""), Ok(()), "b15: a whole word");
    assert_eq!(faults(validate_head(&"n".repeat(51), "")), only("/name", FieldCode::TooLong));
    assert_eq!(faults(validate_head("a\u{7}bc", "")), only("/name", FieldCode::Pattern));
    assert_eq!(faults(validate_head(" abc", "")), only("/name", FieldCode::Pattern));
    for path in ["../x", "a/b", "/etc", "a\\b", "a..b"] {
        assert_eq!(faults(validate_head(path, "")), only("/name", FieldCode::Pattern), "{path}");
        assert_eq!(
            task_faults(|t| t.name = path.to_owned()),
            only("/name", FieldCode::Pattern),
            "{path}"
        );
    }
    assert_eq!(validate_head("v1.2 (spring) a.b", ""), Ok(()), "a point alone is no path");
    assert_eq!(faults(validate_head("abc", &"r".repeat(501))), only("/remark", FieldCode::TooLong));
    assert_eq!(faults(validate_head("abc", "a\u{0}")), only("/remark", FieldCode::Pattern));
    assert_eq!(validate_head(&"n".repeat(50), "two\nlines"), Ok(()));
    assert_eq!(
        validate_head("\u{533b}\u{9662}\u{4e00}", &"\u{8bad}".repeat(500)),
        Ok(()),
        "characters count, not bytes"
    );
    assert_eq!(task_faults(|t| t.name.clear()), only("/name", FieldCode::TooShort));
    assert_eq!(task_faults(|t| t.remark = "r".repeat(501)), only("/remark", FieldCode::TooLong));
}

#[test]
fn f22_all_errors_are_reported_at_once_with_json_pointers() {
    let mut task = sample::task();
    task.name.clear();
    task.epochs = 0;
    task.members[1].party = sample::party("stranger");
    task.members[2].party = sample::party("hub");
    task.members[2].role = Role::Aggregator;
    task.rules.retries = 99;
    set(&mut task, "lr", "fast");
    set(&mut task, "momentum", "1");
    let errors = task
        .validate(&sample::template(), &|party| party.as_str() != "stranger")
        .expect_err("all of that is wrong");
    let error = Error::from(errors);
    assert_eq!(error.code, ErrorCode::Invalid);
    let mut found: Vec<_> = error.fields.iter().map(|f| (f.path.as_str(), f.code)).collect();
    found.sort_unstable_by_key(|(path, _)| *path);
    assert_eq!(
        found,
        [
            ("/epochs", FieldCode::OutOfRange),
            ("/members/1/party", FieldCode::Unknown),
            ("/members/2/party", FieldCode::Duplicate),
            ("/members/2/role", FieldCode::Duplicate),
            ("/name", FieldCode::TooShort),
            ("/parameters/lr", FieldCode::WrongType),
            ("/parameters/momentum", FieldCode::Unknown),
            ("/rules/retries", FieldCode::OutOfRange),
        ]
    );
    let unknown =
        error.fields.iter().find(|f| f.path == "/parameters/momentum").expect("it is listed");
    assert!(unknown.message.contains("which has lr, strategy"), "{}", unknown.message);
}

#[test]
fn f21_unknown_and_repeated_parties_are_rejected() {
    assert_eq!(
        task_faults(|t| t.members[1].party = sample::party("stranger")),
        only("/members/1/party", FieldCode::Unknown)
    );
    let twice = |t: &mut TaskBody| t.members.push(sample::member("hospital-a", Role::Trainer));
    assert_eq!(task_faults(twice), only("/members/3/party", FieldCode::Duplicate));
}

#[test]
fn iflearner_needs_exactly_one_aggregator_and_a_trainer() {
    assert_eq!(task_faults(|t| drop(t.members.remove(0))), only("/members", FieldCode::Required));
    assert_eq!(
        task_faults(|t| t.members[1].role = Role::Aggregator),
        only("/members/1/role", FieldCode::Duplicate)
    );
    assert_eq!(task_faults(|t| t.members.truncate(1)), only("/members", FieldCode::Required));
    assert_eq!(task_faults(|t| t.members.clear()).len(), 2);
    let generic = TemplateBody { framework: Framework::Generic, ..sample::template() };
    assert_eq!(
        with_template(&generic, |t| drop(t.members.remove(0))),
        [],
        "a generic task needs no aggregator"
    );
    assert_eq!(
        with_template(&generic, |t| t.members[1].role = Role::Aggregator),
        only("/members/1/role", FieldCode::Duplicate)
    );
}

#[test]
fn l5_epochs_are_one_number_for_all_parties_and_in_range() {
    assert_eq!(task_faults(|t| t.epochs = 0), only("/epochs", FieldCode::OutOfRange));
    assert_eq!(task_faults(|t| t.epochs = 100_001), only("/epochs", FieldCode::OutOfRange));
    assert_eq!(task_faults(|t| t.epochs = 100_000), []);
    for name in ["epochs", "name", "server", "peer-cert", "peer_cert"] {
        let template = declaring(name, schema(ParamType::String));
        assert_eq!(
            faults(template.validate()),
            only(&format!("/parameters/{name}"), FieldCode::Reserved),
            "{name}"
        );
    }
}

#[test]
fn l2_no_deadline_can_be_disabled() {
    let off = Rules {
        queue_deadline_s: 0,
        start_deadline_s: 0,
        no_progress_s: 0,
        give_up_after_s: 0,
        ..Rules::default()
    };
    let faults = task_faults(|t| t.rules = off);
    let names = ["queue_deadline_s", "start_deadline_s", "no_progress_s", "give_up_after_s"];
    assert_eq!(faults, names.map(|name| (format!("/rules/{name}"), FieldCode::OutOfRange)));
    assert_eq!(
        task_faults(|t| t.rules.no_progress_s = u64::MAX),
        only("/rules/no_progress_s", FieldCode::OutOfRange)
    );
    assert_eq!(
        template_faults(|t| t.max_runtime_s = 0),
        only("/max_runtime_s", FieldCode::OutOfRange)
    );
    assert_eq!(
        template_faults(|t| t.max_runtime_s = u64::MAX),
        only("/max_runtime_s", FieldCode::OutOfRange)
    );
}

#[test]
fn l15_default_start_deadline_is_minutes() {
    assert!(Rules::default().start_deadline_s >= 300);
}

#[test]
fn minimum_parties_counts_trainers_only() {
    assert_eq!(task_faults(|t| t.rules.minimum_parties = Some(2)), []);
    assert_eq!(
        task_faults(|t| t.rules.minimum_parties = Some(3)),
        only("/rules/minimum_parties", FieldCode::OutOfRange)
    );
    assert_eq!(
        task_faults(|t| t.rules.minimum_parties = Some(0)),
        only("/rules/minimum_parties", FieldCode::OutOfRange)
    );
}

#[test]
fn l7_unsupported_strategies_are_rejected_with_the_reason() {
    for name in ["FedAvg", "Scaffold"] {
        assert_eq!(task_faults(|t| set(t, "strategy", name)), [], "{name}");
    }
    for name in ["FedOpt", "qFedAvg", "FedNova", "STC"] {
        let mut task = sample::task();
        set(&mut task, "strategy", name);
        let errors =
            task.validate(&sample::template(), &|_| true).expect_err("it does not work in 0.1.0");
        assert_eq!(errors.0[0].code, FieldCode::Unsupported, "{name}");
        assert!(errors.0[0].message.contains("use FedAvg or Scaffold"), "{}", errors.0[0].message);
    }
    for name in ["fedavg", "", "Median"] {
        assert_eq!(
            task_faults(|t| set(t, "strategy", name)),
            only("/parameters/strategy", FieldCode::NotAllowed),
            "{name}"
        );
    }
    let default = ParamSchema { default: Some("FedNova".to_owned()), ..schema(ParamType::String) };
    let path = "/parameters/strategy/default";
    assert_eq!(
        faults(declaring("strategy", default).validate()),
        only(path, FieldCode::Unsupported),
        "nor as a default"
    );
}

#[test]
fn l7_strategy_params_that_end_the_aggregator_are_rejected() {
    let path = "/parameters/strategy_params";
    for bad in ["[]", "1", "{", ""] {
        assert_eq!(
            task_faults(|t| set(t, "strategy_params", bad)),
            only(path, FieldCode::WrongType),
            "{bad}"
        );
    }
    for bad in [r#"{"q": 1}"#, r#"{"weighted_fedavg": 1}"#] {
        assert_eq!(
            task_faults(|t| set(t, "strategy_params", bad)),
            only(path, FieldCode::NotAllowed),
            "{bad}"
        );
    }
    for good in ["{}", r#"{"weighted_fedavg": true}"#] {
        assert_eq!(task_faults(|t| set(t, "strategy_params", good)), [], "{good}");
    }
}

#[test]
fn l9_local_training_is_enabled_only_by_its_parameter() {
    assert_eq!(task_faults(|t| set(t, "enable_ll", "true")), []);
    assert_eq!(
        task_faults(|t| set(t, "enable_ll", "1")),
        only("/parameters/enable_ll", FieldCode::WrongType)
    );
    let one_epoch = |t: &mut TaskBody| {
        t.epochs = 1;
        set(t, "enable_ll", "true");
    };
    assert_eq!(task_faults(one_epoch), only("/epochs", FieldCode::OutOfRange));
    for flag in ["--enable-ll=1", "--enable-ll", "--enable=1"] {
        let faults = template_faults(|t| t.command.push(flag.to_owned()));
        assert_eq!(faults, only("/command/2", FieldCode::Reserved), "{flag}");
    }
    assert_eq!(template_faults(|t| t.command.extend(texts(&["--data", "--e", "--end=1"]))), []);
}

#[test]
fn l21_masks_are_rejected_where_they_do_not_cancel() {
    let weighted = |t: &mut TaskBody| {
        set(t, "smpc", "true");
        set(t, "strategy_params", r#"{"weighted_fedavg": true}"#);
    };
    assert_eq!(task_faults(weighted), only("/parameters/smpc", FieldCode::NotAllowed));
    let some = |t: &mut TaskBody| {
        set(t, "smpc", "true");
        t.rules.minimum_parties = Some(1);
    };
    assert_eq!(task_faults(some), only("/rules/minimum_parties", FieldCode::NotAllowed));
    let alone = |t: &mut TaskBody| {
        set(t, "smpc", "true");
        t.members.truncate(2);
    };
    assert_eq!(task_faults(alone), only("/parameters/smpc", FieldCode::NotAllowed));
    assert_eq!(task_faults(|t| set(t, "smpc", "true")), []);
}

#[test]
fn f18_parameters_are_checked_against_their_declaration() {
    let cases: [(ParamType, &[&str], &[&str]); 4] = [
        (ParamType::String, &["", "any text", "\u{8bad}\u{7ec3}"], &["a\0b"]),
        (
            ParamType::Integer,
            &["0", "-7", "9223372036854775807"],
            &["", "1.0", "ten", "1e3", " 1", "9223372036854775808"],
        ),
        (
            ParamType::Number,
            &["0", "-0.5", "1e-3", ".5"],
            &["", "inf", "NaN", "0x1", "1,5", "1e999"],
        ),
        (ParamType::Boolean, &["true", "false"], &["", "True", "1"]),
    ];
    for (kind, good, bad) in cases {
        let template = declaring("p", schema(kind));
        let faults_of = |value: &str| {
            with_template(&template, |t| {
                t.parameters = BTreeMap::from([("p".to_owned(), value.to_owned())]);
            })
        };
        for value in good {
            assert_eq!(faults_of(value), [], "{kind} {value:?}");
        }
        for value in bad {
            assert_eq!(faults_of(value).len(), 1, "{kind} {value:?}");
        }
    }
    assert_eq!(
        task_faults(|t| set(t, "lr", "10.5")),
        only("/parameters/lr", FieldCode::OutOfRange)
    );
    assert_eq!(
        task_faults(|t| set(t, "lr", "-0.1")),
        only("/parameters/lr", FieldCode::OutOfRange)
    );
    let choice = ParamSchema { allowed: texts(&["sgd", "adam"]), ..schema(ParamType::String) };
    let template = declaring("optimizer", choice);
    let choose = |value: &str| {
        with_template(&template, |t| {
            t.parameters = BTreeMap::from([("optimizer".to_owned(), value.to_owned())])
        })
    };
    assert_eq!(choose("adam"), []);
    assert_eq!(choose("sgdx"), only("/parameters/optimizer", FieldCode::NotAllowed));
    let missing = with_template(&template, |t| t.parameters.clear());
    assert_eq!(missing, only("/parameters/optimizer", FieldCode::Required));
}

#[test]
fn contradictory_schema_is_rejected() {
    let with = |change: fn(&mut ParamSchema)| {
        let mut schema = schema(ParamType::Integer);
        change(&mut schema);
        faults(declaring("p", schema).validate())
    };
    assert_eq!(
        with(|s| s.default = Some("x".to_owned())),
        only("/parameters/p/default", FieldCode::WrongType)
    );
    assert_eq!(
        with(|s| s.minimum = Some("low".to_owned())),
        only("/parameters/p/minimum", FieldCode::WrongType)
    );
    assert_eq!(
        with(|s| (s.minimum, s.maximum) = (Some("9".to_owned()), Some("10".to_owned()))),
        [],
        "numbers are compared as numbers"
    );
    assert_eq!(
        with(|s| (s.minimum, s.maximum) = (Some("2".to_owned()), Some("1".to_owned()))),
        only("/parameters/p/maximum", FieldCode::OutOfRange)
    );
    assert_eq!(
        with(|s| s.allowed = vec!["1".to_owned(), "b".to_owned()]),
        only("/parameters/p/enum/1", FieldCode::WrongType)
    );
    let ranged_text = ParamSchema { minimum: Some("1".to_owned()), ..schema(ParamType::String) };
    assert_eq!(
        faults(declaring("p", ranged_text).validate()),
        only("/parameters/p/minimum", FieldCode::NotAllowed)
    );
    assert_eq!(
        faults(declaring("../x", schema(ParamType::String)).validate()),
        only("/parameters/..~1x", FieldCode::Pattern)
    );
}

#[test]
fn f19_command_can_be_longer_than_255_bytes() {
    assert_eq!(template_faults(|t| t.command.push("x".repeat(4_000))), []);
    assert_eq!(
        template_faults(|t| t.command.push("x".repeat(9_000))),
        only("/command/2", FieldCode::TooLong)
    );
    assert_eq!(
        template_faults(|t| t.command = vec!["x".to_owned(); 257]),
        only("/command", FieldCode::TooLong)
    );
}

#[test]
fn f22_limits_of_templates_are_enforced() {
    assert_eq!(template_faults(|t| t.image.clear()), only("/image", FieldCode::TooShort));
    assert_eq!(template_faults(|t| t.image = "i".repeat(256)), only("/image", FieldCode::TooLong));
    assert_eq!(template_faults(|t| t.image = "a b".to_owned()), only("/image", FieldCode::Pattern));
    assert_eq!(template_faults(|t| t.command.clear()), only("/command", FieldCode::Required));
    assert_eq!(template_faults(|t| t.command[0].clear()), only("/command/0", FieldCode::TooShort));
    assert_eq!(
        template_faults(|t| t.command[1] = "a\0".to_owned()),
        only("/command/1", FieldCode::Pattern)
    );
    assert_eq!(
        template_faults(|t| t.aggregator_command = texts(&[" "])),
        only("/aggregator_command/0", FieldCode::TooShort)
    );
    assert_eq!(
        template_faults(|t| t.workdir = "a/../../b".to_owned()),
        only("/workdir", FieldCode::Pattern)
    );
    assert_eq!(template_faults(|t| t.workdir = "/iflearner/examples".to_owned()), []);
    assert_eq!(
        template_faults(|t| t.stop_grace_s = 601),
        only("/stop_grace_s", FieldCode::OutOfRange)
    );
    assert_eq!(
        template_faults(|t| t.resources.cpu_millis = u32::MAX),
        only("/resources/cpu_millis", FieldCode::OutOfRange)
    );
}

#[test]
fn l14_variables_of_platform_and_network_are_reserved() {
    for name in
        ["FED_PARTY", "fed_data_dir", "HOME", "http_proxy", "HTTPS_PROXY", "grpc_proxy", "no_proxy"]
    {
        let faults = template_faults(|t| drop(t.env.insert(name.to_owned(), "x".to_owned())));
        assert_eq!(faults, only(&format!("/env/{name}"), FieldCode::Reserved), "{name}");
    }
    for name in ["", "A=B", "1A", "A-B", "A\0"] {
        let faults = template_faults(|t| drop(t.env.insert(name.to_owned(), "x".to_owned())));
        assert_eq!(faults, only(&format!("/env/{name}"), FieldCode::Pattern), "{name:?}");
    }
    assert_eq!(
        template_faults(|t| drop(
            t.env.insert("IFLEARNER_COMPAT".to_owned(), "seed,exit".to_owned())
        )),
        []
    );
}
