//! Reloads the configuration of a running hub at SIGHUP, and checks its certificates once a day.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use flow_common::clock::{self, Clock as _, SystemClock};
use flow_common::config::Loaded;
use flow_common::tls::Certificate;
use flow_common::tls::validity::WARNING_PERIOD;
use flow_federate::admission::PartyPolicy;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::{self, Config, RELOADABLE};
use crate::hub_agent;

/// The source of the configuration, and the signals that trigger a reload.
#[derive(Debug)]
pub struct Reload {
    file: Option<PathBuf>,
    overrides: Vec<(String, String)>,
    hangups: Signal,
}

impl Reload {
    /// Installs the handler of SIGHUP, which then no longer ends the process. Needs a running tokio
    /// runtime.
    pub fn on_hangup(file: Option<PathBuf>, overrides: Vec<(String, String)>) -> io::Result<Self> {
        Ok(Self { file, overrides, hangups: signal(SignalKind::hangup())? })
    }

    /// Handles signals, and warns of certificates that expire, while it is polled.
    pub(crate) async fn run(
        &mut self,
        started: &Loaded<Config>,
        offers: Option<&watch::Sender<Arc<PartyPolicy>>>,
        certificates: &[(&'static str, Certificate)],
    ) -> Infallible {
        warn(certificates);
        let mut warning_due = std::pin::pin!(clock::sleep(WARNING_PERIOD));
        loop {
            tokio::select! {
                _ = self.hangups.recv() => {
                    certificates.iter().for_each(|(_, certificate)| certificate.refresh());
                    self.reread(started, offers);
                }
                () = &mut warning_due => {
                    warn(certificates);
                    warning_due.set(clock::sleep(WARNING_PERIOD));
                }
            }
        }
    }

    fn reread(&self, started: &Loaded<Config>, offers: Option<&watch::Sender<Arc<PartyPolicy>>>) {
        let read = config::load(self.file.as_deref(), self.overrides.clone())
            .map_err(|error| error.to_string());
        let read = read.and_then(|loaded| match config::faults(&loaded) {
            faults if faults.is_empty() => Ok(loaded),
            faults => Err(faults.join("\n")),
        });
        match read {
            Err(error) => {
                let error = error.replace('\n', "; ");
                tracing::error!(%error, "cannot reload the configuration; keeping the old one")
            }
            Ok(loaded) => {
                tracing::info!("reloaded the configuration");
                let ignored = loaded.changed_since(started, &RELOADABLE).join(", ");
                if !ignored.is_empty() {
                    tracing::warn!("changed keys that need a restart of the hub: {ignored}");
                }
                if let Some(offers) = offers {
                    offers.send_replace(Arc::new(hub_agent::offer(&loaded.value)));
                }
            }
        }
    }
}

fn warn(certificates: &[(&'static str, Certificate)]) {
    let now = SystemClock.now();
    for (listener, certificate) in certificates {
        for warning in certificate.validity().iter().filter_map(|validity| validity.warning(now)) {
            tracing::warn!(listener, "{warning}");
        }
    }
}
