//! The operator, as it ships and with the rights it ships with, in a real Kubernetes. Pods have no
//! node here: a test plays the kubelet by writing their status.

mod contract;
mod crashes;
mod exposure;
mod faults;
mod leader;
mod lifecycle;
mod many;
mod names;
mod relay;
mod rights;
mod security;
mod status;
mod support;
mod survive;
mod unreadable;
mod upgrade;
