//! Completion of a federation: rules and status page.

use std::collections::BTreeMap;

use flow_domain::framework::{self, StatusPage, completes, iflearner, seal_all};
use flow_domain::member::Role;
use flow_domain::progress::PartyProgress;
use flow_domain::sample;
use flow_domain::spec::MemberSpec;
use flow_domain::task::TaskBody;
use flow_domain::template::Framework;

const AGGREGATOR: Role = Role::Aggregator;
const TRAINER: Role = Role::Trainer;

fn page_of(task: &TaskBody) -> StatusPage {
    let specs = seal_all(task, &sample::template()).expect("valid");
    assert_eq!(
        framework::status_page(&specs[&sample::party("hospital-a")].spec),
        None,
        "a trainer has no status page"
    );
    framework::status_page(&specs[&sample::party("hub")].spec).expect("an aggregator has one")
}

fn lines(lines: &[(&str, bool, u32, u32)]) -> iflearner::Lines {
    let line = |&(name, complete, current_epoch, total_epoch): &(&str, bool, u32, u32)| {
        (name.to_owned(), PartyProgress { ready: true, complete, current_epoch, total_epoch })
    };
    lines.iter().map(line).collect()
}

#[test]
fn member_with_its_own_address_listens_there_and_texts_of_users_stay() {
    let mut template = sample::template();
    let mine = "127.0.0.1:${port.grpc}";
    template.env.insert("MINE".to_owned(), mine.to_owned());
    let specs = seal_all(&sample::task(), &template).expect("valid");
    let spec = &specs[&sample::party("hub")].spec;
    let open = framework::on_own_address(spec);
    let filled = |spec: &MemberSpec| {
        let ports = [("grpc".to_owned(), 50001), ("http".to_owned(), 50002)].into();
        let bindings =
            [("run_id".to_owned(), "a".repeat(32)), ("trainers".to_owned(), "2".to_owned())].into();
        spec.fill(&bindings, &ports).expect("filled")
    };
    let (before, after) = (filled(spec), filled(&open));
    assert_eq!(before.env["FED_LISTEN_ADDR"], "127.0.0.1:50001");
    assert_eq!(after.env["FED_LISTEN_ADDR"], "0.0.0.0:50001");
    assert!(after.argv.iter().any(|arg| arg == "--http_addr=0.0.0.0:50002"), "{:?}", after.argv);
    assert_eq!((before.env["MINE"].as_str(), after.env["MINE"].as_str()), (mine, mine));
}

#[test]
fn f15_l8_federation_completes_although_its_aggregator_never_exits() {
    assert!(completes(
        Framework::Iflearner,
        &[(AGGREGATOR, false, true), (TRAINER, true, false), (TRAINER, true, false)]
    ));
}

#[test]
fn l9_exit_of_one_trainer_does_not_complete_the_run() {
    assert!(!completes(
        Framework::Iflearner,
        &[(AGGREGATOR, false, true), (TRAINER, true, false), (TRAINER, false, false)]
    ));
    assert!(!completes(Framework::Generic, &[(TRAINER, true, false), (TRAINER, false, false)]));
}

#[test]
fn l8_exits_without_a_complete_status_page_are_no_success() {
    assert!(!completes(Framework::Iflearner, &[(AGGREGATOR, true, false), (TRAINER, true, true)]));
    assert!(
        !completes(Framework::Iflearner, &[(TRAINER, true, true)]),
        "the status of a trainer does not count"
    );
}

#[test]
fn generic_run_completes_when_all_trainers_exited_with_0() {
    assert!(completes(Framework::Generic, &[(AGGREGATOR, false, false), (TRAINER, true, false)]));
    assert!(!completes(Framework::Generic, &[(AGGREGATOR, true, true)]), "nobody trained");
    assert!(!completes(Framework::Generic, &[]));
}

#[test]
fn completion_needs_every_trainer_complete_at_the_last_epoch() {
    let page = page_of(&sample::task());
    assert_eq!(
        (page.port.as_str(), page.total_epoch, page.final_epoch, page.parties.len()),
        ("http", 3, 3, 2)
    );
    assert!(page.is_complete(&lines(&[("hospital-a", true, 3, 3), ("hospital-b", true, 3, 3)]), 2));
    for unfinished in [
        &[("hospital-a", true, 3, 3)][..],
        &[("hospital-a", true, 3, 3), ("hospital-b", false, 3, 3)],
        &[("hospital-a", true, 3, 3), ("hospital-b", true, 2, 3)],
        &[],
    ] {
        assert!(!page.is_complete(&lines(unfinished), 2), "{unfinished:?}");
    }
    assert!(!page.is_complete(&BTreeMap::new(), 0));
}

#[test]
fn k_of_n_needs_one_line_per_trainer_of_the_start_commit() {
    let page = page_of(&sample::task());
    assert!(page.is_complete(&lines(&[("hospital-b", true, 3, 3)]), 1));
}

#[test]
fn l12_status_page_of_another_run_is_ignored() {
    let page = page_of(&sample::task());
    assert!(page.is_ours(&BTreeMap::new()), "no trainer has registered yet");
    assert!(page.is_ours(&lines(&[("hospital-a", false, 1, 3)])));
    for foreign in [
        ("hospital-a", true, 5, 5),
        ("hospital-z", true, 3, 3),
        ("hub", true, 3, 3),
        ("../x", true, 3, 3),
    ] {
        assert!(!page.is_ours(&lines(&[foreign])), "{foreign:?}");
        assert!(!page.is_complete(&lines(&[foreign]), 1), "{foreign:?}");
    }
}

#[test]
fn l18_unknown_party_on_the_status_page_prevents_completion() {
    let page = page_of(&sample::task());
    assert!(!page.is_complete(&lines(&[("hospital-a", true, 3, 3), ("mallory", true, 3, 3)]), 2));
}

#[test]
fn l9_status_with_local_training_ends_one_epoch_early() {
    let mut task = sample::task();
    task.parameters.insert("enable_ll".to_owned(), "true".to_owned());
    let page = page_of(&task);
    assert_eq!((page.total_epoch, page.final_epoch), (3, 2));
    assert!(page.is_complete(&lines(&[("hospital-a", true, 2, 3), ("hospital-b", true, 2, 3)]), 2));
    let trainer =
        &seal_all(&task, &sample::template()).expect("valid")[&sample::party("hospital-a")].spec;
    assert!(trainer.argv.contains(&"--enable-ll=1".to_owned()));
}

#[test]
fn l1_l3_only_iflearner_uses_the_shim() {
    assert_eq!(framework::shim_dir(Framework::Iflearner), Some("compat"));
    assert_eq!(framework::shim_dir(Framework::Generic), None);
}
