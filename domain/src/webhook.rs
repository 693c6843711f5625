//! Webhooks: requests of the hub to a URL for events of the tasks of a project.

use std::collections::BTreeMap;

use crate::label::Labels;
use crate::member::text_enum;
use crate::run::EventKind;

/// Most webhooks of a project.
pub const WEBHOOKS_MAX: u32 = 20;
/// Most characters of the URL of a webhook.
pub const URL_CHARS_MAX: usize = 2048;

text_enum!(
    /// State of a delivery.
    DeliveryState {
        /// Waits for its first attempt or for the next one.
        Pending = "pending",
        /// The receiver has answered with a status of success.
        Delivered = "delivered",
        /// The last attempt failed, or the webhook was disabled. The hub sends it again on request only.
        Failed = "failed",
    }
);

/// The events that a webhook sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Empty = every kind.
    pub kinds: Vec<EventKind>,
    /// Labels that the task of the event has, all of them.
    pub labels: Labels,
}

impl EventFilter {
    /// True for an event of this kind of a task with these labels.
    #[must_use]
    pub fn matches(&self, kind: EventKind, labels: &BTreeMap<String, String>) -> bool {
        let is_kind = self.kinds.is_empty() || self.kinds.contains(&kind);
        is_kind && self.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_needs_the_kind_and_all_labels() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let season = labels(&[("season", "spring")]);
        let both = labels(&[("season", "spring"), ("site", "north")]);
        let all = EventFilter::default();
        assert!(all.matches(EventKind::RunFailed, &season));
        let kinds = EventFilter { kinds: vec![EventKind::RunFailed], ..EventFilter::default() };
        assert!(kinds.matches(EventKind::RunFailed, &season));
        assert!(!kinds.matches(EventKind::RunSucceeded, &season));
        let labelled = EventFilter { labels: both.clone(), ..EventFilter::default() };
        assert!(labelled.matches(EventKind::RunFailed, &both));
        assert!(!labelled.matches(EventKind::RunFailed, &season));
    }
}
