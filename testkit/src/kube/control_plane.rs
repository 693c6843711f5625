//! The programs of every cluster and their command lines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, getsockname, setsockopt, socket, sockopt,
};

use super::authority::Authority;
use super::component::Component;
use super::machine::{self, Place};
use super::prepared::program;
use super::{Options, audit};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

pub(super) fn start_etcd(place: &Place, folder: &Path) -> Component {
    // Sockets are relative to the folder, because the absolute path may exceed the limit for socket
    // names.
    let arguments = [
        "--name=test",
        "--data-dir=etcd",
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--listen-client-urls=unix://etcd.sock:0",
        "--advertise-client-urls=unix://etcd.sock:0",
        "--listen-peer-urls=unix://etcd-peer.sock:0",
        "--initial-advertise-peer-urls=unix://etcd-peer.sock:0",
        "--initial-cluster=test=unix://etcd-peer.sock:0",
    ];
    Component::start("etcd", program("etcd"), arguments, place, folder)
}

pub(super) fn start_api_server(
    authority: &Authority,
    port: u16,
    options: &Options,
    place: &Place,
    folder: &Path,
) -> Component {
    let pki = folder.join("pki");
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let service = Ipv4Addr::new(10, 96, 0, 1);
    let addresses: [IpAddr; 4] = [
        Ipv4Addr::LOCALHOST.into(),
        Ipv6Addr::LOCALHOST.into(),
        service.into(),
        machine::ADDRESS.into(),
    ];
    authority.write_server(&pki, "apiserver", &names, &addresses);
    authority.write_client(&pki, "kubelet-client", "kube-apiserver", Some("system:masters"));
    let pki = pki.display();
    let mut arguments = vec![
        "--etcd-servers=unix://etcd.sock:0".into(),
        format!("--secure-port={port}"),
        format!("--service-cluster-ip-range={}", machine::SERVICES),
        format!("--tls-cert-file={pki}/apiserver.crt"),
        format!("--tls-private-key-file={pki}/apiserver.key"),
        format!("--client-ca-file={pki}/ca.crt"),
        format!("--kubelet-client-certificate={pki}/kubelet-client.crt"),
        format!("--kubelet-client-key={pki}/kubelet-client.key"),
        "--kubelet-preferred-address-types=InternalIP".into(),
        format!("--service-account-issuer={ISSUER}"),
        format!("--service-account-key-file={pki}/sa.pub"),
        format!("--service-account-signing-key-file={pki}/sa.key"),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
        "--profiling=false".into(),
    ];
    arguments.extend(match place {
        // The port is shared with the socket that reserves it; see `reserve_port`.
        Place::Here => [
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--permit-port-sharing",
            "--endpoint-reconciler-type=none",
        ]
        .map(String::from),
        Place::Network(_) | Place::Machine(_) => [
            "--bind-address=0.0.0.0".into(),
            format!("--advertise-address={}", machine::ADDRESS),
            "--permit-port-sharing=false".into(),
            "--endpoint-reconciler-type=lease".into(),
        ],
    });
    if !options.controller_manager {
        // Without a controller manager no service accounts exist, and this plugin would reject
        // every Pod.
        arguments.push("--disable-admission-plugins=ServiceAccount".into());
    }
    if options.audit {
        arguments.extend(audit::arguments(folder));
    }
    arguments.extend(options.api_server_arguments.iter().cloned());
    Component::start("kube-apiserver", program("kube-apiserver"), arguments, place, folder)
}

pub(super) fn start_controller_manager(
    authority: &Authority,
    server: &str,
    options: &Options,
    place: &Place,
    folder: &Path,
) -> Component {
    let pki = folder.join("pki");
    let pki = pki.display();
    let mut arguments = vec![
        "--use-service-account-credentials=true".into(),
        format!("--service-account-private-key-file={pki}/sa.key"),
        format!("--root-ca-file={pki}/ca.crt"),
        format!("--cluster-signing-cert-file={pki}/ca.crt"),
        format!("--cluster-signing-key-file={pki}/ca.key"),
    ];
    arguments.extend(options.controller_manager_arguments.iter().cloned());
    start_controller("kube-controller-manager", arguments, authority, server, place, folder)
}

pub(super) fn start_scheduler(
    authority: &Authority,
    server: &str,
    place: &Place,
    folder: &Path,
) -> Component {
    start_controller("kube-scheduler", vec![], authority, server, place, folder)
}

fn start_controller(
    name: &str,
    mut arguments: Vec<String>,
    authority: &Authority,
    server: &str,
    place: &Place,
    folder: &Path,
) -> Component {
    let config = folder.join(format!("{name}.kubeconfig"));
    std::fs::write(&config, authority.kubeconfig(server, &format!("system:{name}"), None))
        .expect("the folder is writable");
    let config = config.display();
    arguments.splice(
        0..0,
        [
            format!("--kubeconfig={config}"),
            format!("--authentication-kubeconfig={config}"),
            format!("--authorization-kubeconfig={config}"),
            "--secure-port=0".into(),
            "--leader-elect=false".into(),
            // The default limits would distort measurements of other programs.
            "--kube-api-qps=500".into(),
            "--kube-api-burst=1000".into(),
        ],
    );
    Component::start(name, program(name), arguments, place, folder)
}

/// Reserves a loopback port: the socket binds it without listening and allows a server of the same
/// user to bind it, too.
pub(super) fn reserve_port() -> (u16, OwnedFd) {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
        .expect("the process can open a socket");
    setsockopt(&socket, sockopt::ReusePort, &true).expect("Linux supports SO_REUSEPORT");
    let address = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    let descriptor = socket.as_raw_fd();
    bind(descriptor, &address).expect("loopback has free ports");
    (getsockname::<SockaddrIn>(descriptor).expect("the socket is bound").port(), socket)
}
