//! Packages and tarballs on a machine of their own: install, start, upgrade, remove, purge. The
//! machine is a Debian tree in which systemd runs as process 1 of new namespaces, so that the units
//! run with their hardening. Needs root. Also: the alert rules with promtool.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use flow_e2e::binaries;
use flow_testkit::{debian, promtool, repository, spawn_tied, wait_for_blocking};

const DEADLINE: Duration = Duration::from_secs(60);

/// Enters the new cgroup $1, then continues with $2 in a namespace of which it is the root: machines
/// must not see each other's services.
const ENTER: &str = "
mount --make-rprivate /
mount --bind $0 $0
mount -t sysfs sysfs $0/sys
mount -t cgroup2 cgroup2 $0/sys/fs/cgroup
mkdir $0/sys/fs/cgroup/$1
echo 0 > $0/sys/fs/cgroup/$1/cgroup.procs
umount $0/sys/fs/cgroup
exec unshare --cgroup /bin/sh -euc \"$2\" $0
";

/// Mounts what systemd needs, makes the tree the root, and starts systemd.
const BOOT: &str = "
mount -t proc proc $0/proc
mount -t cgroup2 cgroup2 $0/sys/fs/cgroup
mount -t tmpfs tmpfs $0/run
mount -t tmpfs tmpfs $0/tmp
mkdir $0/run/host
cd $0
pivot_root . run/host
umount -l run/host
exec env -i container=flow-test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd
";

/// Removes the cgroup $1 with the services of a machine that has ended, by a mount at $0.
const LEAVE: &str = "
mount -t cgroup2 cgroup2 $0
until find $0/$1 -depth -type d -exec rmdir {} + || [ ! -e $0/$1 ]; do :; done
";

/// Functions for the scripts: `until_true COMMAND…` repeats the command until it succeeds, `started N`
/// is true if N workloads have started at hub and party, `ctl` is flowctl with the hub's token.
const FUNCTIONS: &str = "
until_true() {
    tries=0
    until \"$@\" > /tmp/until.log 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo \"not true: $*\"; cat /tmp/until.log; journalctl --no-pager -n 40; exit 1; }
        sleep 0.05
    done
}
started() { [ $(ls -d /var/lib/flow-federate/runs/*-1/started /var/lib/flow-server/agent/runs/*-1/started | wc -l) = $1 ]; }
logs() { journalctl --no-pager -u $1 | grep -F \"$2\"; }
ctl() { runuser -u flow-server -- flowctl --token-file /var/lib/flow-server/token \"$@\"; }
";

struct Machine {
    folder: tempfile::TempDir,
    process: Child,
    /// Process 1, by its pid here.
    init: String,
}

fn text(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

/// Name of the machine's cgroup.
fn cgroup(folder: &tempfile::TempDir) -> String {
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    format!("flow-test{}", name.replace('.', "-"))
}

impl Machine {
    /// Boots a copy of the tree with `packages` as /packages.
    fn boot(packages: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        for (from, to) in [(debian().as_path(), &root), (packages, &root.join("packages"))] {
            let copied =
                Command::new("cp").args(["-a", "--reflink=auto"]).args([from, to]).status();
            assert!(copied.unwrap().success(), "a machine needs root");
        }
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child"])
            .args(["/bin/sh", "-euc", ENTER])
            .arg(&root)
            .args([&cgroup(&folder), BOOT])
            .stdout(std::fs::File::create(folder.path().join("console")).unwrap());
        let process = spawn_tied(command).unwrap();
        let children = format!("/proc/{0}/task/{0}/children", process.id());
        let init = wait_for_blocking("process 1", DEADLINE, || {
            let pids = std::fs::read_to_string(&children).unwrap_or_default();
            Some(pids.trim().to_owned()).filter(|pid| !pid.is_empty())
        });
        let machine = Self { folder, process, init };
        wait_for_blocking("systemd to run", DEADLINE, || {
            let output = machine.try_run("systemctl is-system-running");
            let state = String::from_utf8_lossy(&output.stdout).into_owned();
            matches!(state.trim(), "running" | "degraded").then_some(())
        });
        machine
    }

    fn try_run(&self, script: &str) -> Output {
        Command::new("nsenter")
            .args(["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--root"])
            .args(["--target", &self.init])
            .args(["/usr/bin/env", "--chdir=/", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin"])
            .args(["DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-euc"])
            .arg(format!("{FUNCTIONS}{script}"))
            .output()
            .unwrap()
    }

    /// Runs a shell script, which must succeed.
    fn run(&self, script: &str) -> String {
        let output = self.try_run(script);
        assert!(output.status.success(), "{script}\n{}", text(&output));
        text(&output)
    }

    /// Paths of all files, except those that tools of the machine rewrite.
    fn files(&self) -> BTreeSet<String> {
        let found = self.run(
            "find / -xdev \\( -path /packages -o -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/systemd \\) -prune \
                 -o -print | grep -v -e '^/etc/.*-$' -e '^/etc/.pwd.lock$'",
        );
        found.lines().map(str::to_owned).collect()
    }

    /// Asserts that there are the same files as before.
    fn assert_clean(&self, before: &BTreeSet<String>) {
        let files = self.files();
        let [new, gone] = [files.difference(before), before.difference(&files)];
        assert!(new.clone().chain(gone.clone()).next().is_none(), "new: {new:?}, gone: {gone:?}");
    }

    /// Starts hub, agent and a task whose workloads run until /tmp/finish exists; replaces and kills
    /// the programs meanwhile.
    fn start_and_train(&self) {
        self.run(START);
        self.run(TRAIN);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The end of process 1 ends every process of the machine.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let mount_point = self.folder.path().join("root/mnt");
        let _ = Command::new("timeout")
            .args(["30", "unshare", "--mount", "/bin/sh", "-euc", LEAVE])
            .arg(mount_point)
            .arg(cgroup(&self.folder))
            .stderr(std::process::Stdio::null())
            .status();
    }
}

/// Runs `tools/package.sh`.
fn package(version: &str, arguments: &[&str], glibc_max: &str) -> Output {
    Command::new(repository().join("tools/package.sh"))
        .args(arguments)
        .env("FLOW_VERSION", version)
        .env("FLOW_GLIBC_MAX", glibc_max)
        .env("DEB_COMPRESSION", "none")
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .unwrap()
}

fn build(version: &str, arguments: &[&str], glibc_max: &str) {
    let built = package(version, arguments, glibc_max);
    assert!(built.status.success(), "{}", text(&built));
}

/// The steps of docs/operations.md for a hub and a party on one machine.
const START: &str = "
systemctl start flow-server
until_true logs flow-server 'the hub is ready'
flowctl --token-file /root/token setup --name admin --data-dir /var/lib/flow-server
install -m 600 -o flow-server -g flow-server /root/token /var/lib/flow-server
rm /root/token
ctl party add hospital-a --secret-file /var/lib/flow-server/hospital-a.secret
install -m 600 -o flow-federate -g flow-federate /var/lib/flow-server/hospital-a.secret /etc/flow
sed -i -e 's/^#party/party/' -e 's/^#secret_file/secret_file/' /etc/flow/agent.toml
mkdir /opt/mine
cat > /opt/mine/work.sh << 'END'
#!/bin/sh
grep -e NoNewPrivs: -e Seccomp: /proc/self/status
touch /etc/written || echo '/etc is read-only'
until [ -e /tmp/finish ]; do sleep 0.05; done
END
chmod 755 /opt/mine/work.sh
printf '[images.mine]\\nroot = \"/opt/mine\"\\nallow = true\\n' >> /etc/flow/agent.toml
printf '[hub_agent.images.mine]\\nroot = \"/opt/mine\"\\nallow = true\\n' >> /etc/flow/hub.toml
systemctl reload flow-server
runuser -u flow-federate -- flow-federate doctor --config /etc/flow/agent.toml
systemctl start flow-federate
until_true logs flow-federate 'connected to the hub'
systemctl start flow-operator
until_true logs flow-operator 'no cluster is configured'
systemctl stop flow-operator
";

const TRAIN: &str = "
cat > /tmp/task.yaml << END
kind: Template
name: mine
framework: generic
image: mine
command: [work.sh]
---
kind: Task
name: demo
template: mine
members: [{party: hub, role: aggregator}, {party: hospital-a, role: trainer}]
END
chmod 644 /tmp/task.yaml
ctl task submit /tmp/task.yaml
until_true started 2
contained() { ls -d /sys/fs/cgroup/system.slice/flow-federate.service/flow-*-1-* /sys/fs/cgroup/system.slice/flow-server.service/flow-*-1-*; }
until_true contained
systemctl kill --kill-whom=main -s KILL flow-federate
systemctl restart flow-server
restarted() { [ \"$(systemctl show -p NRestarts flow-federate)\" = NRestarts=1 ] && systemctl is-active flow-federate; }
until_true restarted
touch /tmp/finish
succeeded() { ctl task get demo | grep -E 'phase +succeeded'; }
until_true succeeded
cat /var/lib/flow-federate/runs/*-1/log/* > /tmp/workload.log
grep -P 'NoNewPrivs:\\t1' /tmp/workload.log
grep -P 'Seccomp:\\t2' /tmp/workload.log
grep '/etc is read-only' /tmp/workload.log
rm /tmp/finish
";

#[test]
fn u22_packages_install_start_upgrade_and_purge() {
    let folder = tempfile::tempdir().unwrap();
    let (bin, out) = (binaries::folder().to_str().unwrap(), folder.path().to_str().unwrap());
    build("1.0.0", &["deb", bin, out], "2.17");
    build("1.0.1", &["deb", bin, out, "flow-server", "flow-federate"], "2.17");
    let machine = Machine::boot(folder.path());
    let before = machine.files();

    let output = machine.run("dpkg -i /packages/*_1.0.0_*.deb");
    for sentence in [
        "flow-server: installed, not started: systemctl enable --now flow-server",
        "flow-federate: party: set the name of this party in the federation",
        "flow-federate: not started: complete /etc/flow/agent.toml, then systemctl enable --now",
    ] {
        assert!(output.contains(sentence), "{sentence}: {output}");
    }
    machine.run(
        "systemd-analyze verify /usr/lib/systemd/system/flow-*.service /usr/lib/systemd/system/flow-*.timer
         systemd-sysusers --dry-run /usr/lib/sysusers.d/flow-*.conf
         systemd-tmpfiles --create /usr/lib/tmpfiles.d/flow-*.conf
         [ \"$(stat -c '%U %a' /var/lib/flow-server /var/lib/flow-federate /var/backups/flow-server /var/backups/flow-federate | tr '\\n' ' ')\" \
             = 'flow-server 700 flow-federate 700 flow-server 700 flow-federate 700 ' ]
         bash -n /usr/share/bash-completion/completions/flowctl",
    );
    machine.start_and_train();

    // A backup, an upgrade beside a running workload, and a purge that ends the workload.
    machine.run(
        "systemctl enable --now flow-server-backup.timer
         systemctl start flow-server-backup.service
         cd /var/backups/flow-server/20*Z
         [ -s flow.db ] && [ ! -e setup-code ]
         cmp files/etc/flow/hub.toml /etc/flow/hub.toml
         systemctl enable --now flow-federate-backup.timer
         systemctl start flow-federate-backup.service
         cd /var/backups/flow-federate/20*Z
         systemctl stop flow-federate
         rm /etc/flow/agent.toml /etc/flow/hospital-a.secret
         sha256sum --check --quiet SHA256SUMS
         install -m 644 files/etc/flow/agent.toml /etc/flow
         install -m 600 -o flow-federate -g flow-federate files/etc/flow/hospital-a.secret /etc/flow
         systemctl start flow-federate
         cd /
         until_true runuser -u flow-federate -- flow-federate doctor --config /etc/flow/agent.toml
         ctl task start demo
         until_true started 4
         echo '# mine' >> /etc/flow/hub.toml",
    );
    let output = machine.run("dpkg -i /packages/*_1.0.1_*.deb");
    for name in ["flow-server", "flow-federate"] {
        assert!(output.contains(&format!("{name}: restarted; workloads continue")), "{output}");
    }
    let output = machine.run(
        "until_true logs flow-federate 'connected to the hub'
         grep -qF '# mine' /etc/flow/hub.toml
         until_true ctl task get demo
         dpkg -r flow-server flow-federate flow-operator flowctl
         [ ! -e /usr/bin/flow-server ] && [ -s /var/lib/flow-server/flow.db ] && [ -e /etc/flow/hub.toml ]
         dpkg -P flow-server flow-federate flow-operator flowctl
         [ -z \"$(find /proc -maxdepth 1 -user flow-federate)\" ]
         [ ! -e /var/lib/flow-server ] && [ ! -e /etc/flow/hub.toml ]
         ls -ld /etc/flow/hospital-a.secret /var/backups/flow-server/20*Z",
    );
    for sentence in [
        "flow-federate: workloads continue without it; a purge ends them",
        "flow-server: deleting /var/lib/flow-server with all data",
        "flow-federate: kept /etc/flow/hospital-a.secret",
        "flow-server: kept the user flow-server, who owns them",
    ] {
        assert!(output.contains(sentence), "{sentence}: {output}");
    }
    machine.run(
        "rm -r /etc/flow /var/backups/flow-server /var/backups/flow-federate /opt/mine
         userdel flow-federate
         userdel flow-server",
    );
    machine.assert_clean(&before);
}

#[test]
fn u22_tarball_installs_and_removes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (bin, out) = (binaries::folder().to_str().unwrap(), folder.path().to_str().unwrap());
    // The programs under test need the C library of this machine.
    let needed = text(&package("1.0.0", &["glibc", &format!("{bin}/flow-server")], "2.17"));
    let needed = needed.trim();
    let refused = text(&package("1.0.0", &["dist", bin, out], "2.17"));
    assert!(refused.contains(&format!("needs glibc {needed}, newer than 2.17")), "{refused}");
    build("1.0.0", &["dist", bin, out], needed);
    let sums = std::fs::read_to_string(folder.path().join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 3, "{sums}");
    let sbom = std::fs::read(folder.path().join("flow-1.0.0.cdx.json")).unwrap();
    let sbom: serde_json::Value = serde_json::from_slice(&sbom).unwrap();
    let purls = sbom["components"].as_array().unwrap().iter().map(|found| &found["purl"]);
    let has = |name: &str| {
        purls.clone().any(|purl| purl.as_str().unwrap().starts_with(&format!("pkg:cargo/{name}@")))
    };
    assert!(has("flow-server") && has("rustls") && !has("flow-testkit"));

    let machine = Machine::boot(folder.path());
    let before = machine.files();
    machine.run(
        "cd /packages
         sha256sum --check --quiet SHA256SUMS
         tar -xzf flow-1.0.0-linux-*.tar.gz
         flow-1.0.0-linux-*/setup.sh install all
         systemd-analyze verify /etc/systemd/system/flow-*.service /etc/systemd/system/flow-*.timer",
    );
    machine.start_and_train();
    let output = machine.run(
        "cd /packages/flow-1.0.0-linux-*/
         echo '# mine' >> /etc/flow/hub.toml
         ./setup.sh install flow-server
         grep -qF '# mine' /etc/flow/hub.toml
         ./setup.sh remove flow-server
         [ ! -e /usr/local/bin/flow-server ] && [ -s /var/lib/flow-server/flow.db ]
         rm -r /etc/flow/hospital-a.secret /opt/mine
         ./setup.sh remove --purge all",
    );
    for sentence in [
        "flow-server: restarted; workloads continue",
        "flow-server: deleting /var/lib/flow-server with all data",
    ] {
        assert!(output.contains(sentence), "{sentence}: {output}");
    }
    machine.assert_clean(&before);
}

#[test]
fn u22_alert_rules_are_valid() {
    let rules: PathBuf = repository().join("deploy/monitoring/alerts.yaml");
    let checked = Command::new(promtool()).args(["check", "rules"]).arg(rules).output().unwrap();
    assert!(checked.status.success(), "{}", text(&checked));
}
