//! Supervision of essential tasks, the long-lived loops that a process needs. The end of one, by
//! return or panic, must end the process with a reason.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Records the first failure of a process. Clones share the record.
#[derive(Debug, Clone, Default)]
pub struct Supervisor(watch::Sender<Option<String>>);

impl Supervisor {
    /// Wraps an essential task, which the caller spawns. Records every panic, and a return unless
    /// `stopping` was cancelled before.
    pub fn essential<F>(
        &self,
        name: &'static str,
        stopping: &CancellationToken,
        task: F,
    ) -> impl Future<Output = ()> + Send + use<F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (supervisor, stopping) = (self.clone(), stopping.clone());
        async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Err(panic) => {
                    supervisor.fail(format!("the {name} panicked: {}", panic_message(&*panic)))
                }
                Ok(()) if stopping.is_cancelled() => {}
                Ok(()) => supervisor.fail(format!("the {name} ended unexpectedly")),
            }
        }
    }

    /// Records a failure that must end the process. The first reason stays.
    pub fn fail(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                tracing::error!(reason, "this process cannot continue");
                *first = Some(reason);
            }
            is_first
        });
    }

    /// Returns the reason of the first failure, if there is one.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Completes with the reason of the first failure.
    pub async fn failed(&self) -> String {
        let mut record = self.0.subscribe();
        match record.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // `self` is a sender, so the channel stays open.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// Returns the message of a panic.
#[must_use]
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a1_end_of_an_essential_task_is_recorded_with_its_reason() {
        let (supervisor, stopping) = (Supervisor::default(), CancellationToken::new());
        tokio::spawn(supervisor.essential("queue", &stopping, async { panic!("index {}", 7) }));
        assert_eq!(supervisor.failed().await, "the queue panicked: index 7");
        tokio::spawn(supervisor.essential("timers", &stopping, async {})).await.unwrap();
        assert_eq!(
            supervisor.failure().as_deref(),
            Some("the queue panicked: index 7"),
            "the first reason stays"
        );

        let supervisor = Supervisor::default();
        tokio::spawn(supervisor.essential("timers", &stopping, async {}));
        assert_eq!(supervisor.failed().await, "the timers ended unexpectedly");
    }

    #[tokio::test]
    async fn return_after_a_stop_request_is_not_recorded_but_a_panic_is() {
        let (supervisor, stopping) = (Supervisor::default(), CancellationToken::new());
        stopping.cancel();
        tokio::spawn(supervisor.essential("timers", &stopping, async {})).await.unwrap();
        assert_eq!(supervisor.failure(), None);
        tokio::spawn(supervisor.essential("timers", &stopping, async { panic!("late") }));
        assert_eq!(supervisor.failed().await, "the timers panicked: late");
    }
}
