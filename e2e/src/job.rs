//! Jobs for tests: a template, a task, and the small programs of the workloads.
//!
//! Every program first appends one line to the federation's `starts` file, so that a test can count
//! the starts.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value, json};

/// The programs of image `e2e`: `work MODE`. `$E2E` is the federation's folder.
const WORK: &str = r#"#!/bin/sh
[ "$1" != stubborn ] || trap '' TERM
echo "$FED_RUN_ID $FED_PARTY $1" >> "$E2E/starts"
released() { [ -e "$E2E/release/$FED_TASK_ID" ] || [ -e "$E2E/release/$FED_TASK_ID.$FED_PARTY" ]; }
case $1 in
ok) ;;
gate) until released; do sleep 0.05; done ;;                              # ends when it is let
fail) exit 1 ;;
outputs)                                                                  # 32 MiB, a small file and a link
    cd "$FED_OUTPUT_DIR" && mkdir sub && echo note > sub/note.txt
    yes 0123456789abcdef | head -c 33554432 > model.bin
    ln -s "$E2E/hospital-a.secret" link ;;
hang) read -r never < "$E2E/never" ;;                                     # nobody ever writes there
serve) read -r never < "$E2E/never" ;;
stubborn) read -r never < "$E2E/never" ;;
fork)                                                                     # daemons of every kind outlive it
    sh "$E2E/image/daemon" &
    setsid sh "$E2E/image/daemon" > /dev/null 2>&1 &
    (cd / && env -i setsid -f sh "$E2E/image/daemon" < /dev/null > /dev/null 2>&1)
    until released; do sleep 0.05; done ;;
flood) yes 'a line of output that nobody will ever read, and that must not fill the disk' | head -c 1073741824 ;;
talk) n=0; until released; do n=$((n + 1)); echo "line $n"; sleep 0.02; done; echo 'the last line' ;;
flaky) [ -e "$E2E/failed.$FED_TASK_ID" ] || { : > "$E2E/failed.$FED_TASK_ID"; exit 71; } ;;
*) exit 99 ;;
esac
"#;

const DAEMON: &str =
    "trap '' HUP TERM INT\nwhile :; do read -r never < \"${0%/image/daemon}/never\"; done\n";

/// Creates the images below a federation's folder: `e2e`, and `digits` for the real framework.
pub(crate) fn lay_out(root: &Path, digits: bool) {
    let image = root.join("image");
    for folder in [&image, &root.join("release")] {
        fs::create_dir(folder).expect("the folder is the test's own");
    }
    nix::unistd::mkfifo(&root.join("never"), nix::sys::stat::Mode::S_IRWXU)
        .expect("the folder is the test's own");
    program(&image.join("work"), WORK);
    program(&image.join("daemon"), DAEMON);
    if digits {
        let image = root.join("digits");
        fs::create_dir_all(image.join("bin")).expect("the folder is the test's own");
        let (python, workload) = (flow_testkit::venv_python(), flow_testkit::workload());
        symlink(workload.join("compat"), image.join("compat"))
            .expect("the folder is the test's own");
        // A script, because a link to the Python of a virtual environment loses the environment.
        program(
            &image.join("bin/python"),
            &format!("#!/bin/sh\nexec '{}' \"$@\"\n", python.display()),
        );
        // A template of `/api/v1` sets no variable.
        let note = "[ -z \"$E2E\" ] || echo \"$FED_RUN_ID $FED_PARTY train\" >> \"$E2E/starts\"";
        let client = workload.join("client.py");
        program(
            &image.join("bin/train"),
            &format!(
                "#!/bin/sh\n{note}\nexec '{}' '{}' \"$@\"\n",
                python.display(),
                client.display()
            ),
        );
    }
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder is the test's own");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .expect("the file is the test's own");
}

/// A template and its task before the submission, with defaults for all unset fields.
#[derive(Debug, Clone)]
pub struct Job {
    pub(crate) name: String,
    pub(crate) template: Value,
    pub(crate) task: Value,
}

impl Job {
    /// `work MODE` at two trainers, with an aggregator at the hub that waits to be stopped.
    #[must_use]
    pub fn new(mode: &str) -> Self {
        let template = json!({
            "framework": "generic", "image": "e2e", "command": ["work", mode], "aggregator_command": ["work", "serve"],
            "stop_grace_s": 1,
        });
        let job = Self { name: mode.to_owned(), template, task: json!({"epochs": 1}) };
        job.members(&[("hub", "aggregator"), ("hospital-a", "trainer"), ("hospital-b", "trainer")])
    }

    /// The digits workload in the real framework, with the hub's party as aggregator.
    #[must_use]
    pub fn digits(epochs: u32) -> Self {
        let mut job = Self::new("digits");
        job.template = json!({"framework": "iflearner", "image": "digits", "command": ["train"], "stop_grace_s": 2});
        job.task["epochs"] = json!(epochs);
        job.members(&[("hub", "aggregator"), ("hospital-a", "trainer"), ("hospital-b", "trainer")])
    }

    /// Sets the members: party and role. Trainers of the framework get the data of their party.
    #[must_use]
    pub fn members(mut self, members: &[(&str, &str)]) -> Self {
        let data = self.template["framework"] == "iflearner";
        let member = |(party, role): &(&str, &str)| {
            let dataset = (data && *role == "trainer").then_some("digits");
            json!({"party": party, "role": role, "dataset": dataset})
        };
        self.task["members"] = members.iter().map(member).collect();
        self
    }

    /// Only two trainers, without an aggregator.
    #[must_use]
    pub fn trainers_only(self) -> Self {
        self.members(&[("hospital-a", "trainer"), ("hospital-b", "trainer")])
    }

    /// Sets the dataset of a party's member.
    #[must_use]
    pub fn dataset(mut self, party: &str, name: &str) -> Self {
        for member in self.task["members"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .filter(|member| member["party"] == party)
        {
            member["dataset"] = json!(name);
        }
        self
    }

    /// Sets one rule of the task.
    #[must_use]
    pub fn rule(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.task["rules"][name] = value.into();
        self
    }

    /// Sets one key of the template.
    #[must_use]
    pub fn template(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.template[key] = value.into();
        self
    }

    /// Declares one parameter in the template and sets it in the task.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.task["parameters"][name] = value.into();
        self
    }
}
