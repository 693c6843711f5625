//! Observations of the runtime, and writes that the journal refused.

use flow_common::clock::Moment;
use flow_domain::member::ReasonCode;

use super::{Action, MemberSet, Transition};
use crate::member::WorkStage;
use crate::runtime::{WorkKey, WorkState};

impl MemberSet {
    pub(super) fn apply_observed(
        &mut self,
        key: &WorkKey,
        state: WorkState,
        now: Moment,
        out: &mut Transition,
    ) {
        let is_alive = matches!(
            state,
            WorkState::Held { .. }
                | WorkState::Starting { .. }
                | WorkState::Running
                | WorkState::Unseen(_)
        );
        let is_absent = state == WorkState::Absent;
        if is_absent {
            self.requested.remove(key);
        }
        let Some(member) = self.members.get(&key.run) else {
            // No member owns it: its journal is lost, or it has settled.
            if is_alive {
                self.request(Action::Stop(key.clone(), 0), out);
            } else if !is_absent {
                self.request_forget(key.clone(), out);
            }
            return;
        };
        if key.attempt != member.attempt {
            self.update_member(&key.run, now, out, |m| {
                if is_alive {
                    m.stale_attempts.insert(key.attempt);
                } else {
                    m.stale_attempts.remove(&key.attempt);
                }
            });
            if !is_alive && !is_absent {
                self.request_forget(key.clone(), out);
            }
            return;
        }
        let mut is_unwanted = false;
        self.update_member(&key.run, now, out, |m| is_unwanted = m.apply_observed(state));
        if is_unwanted {
            self.request(Action::Stop(key.clone(), 0), out);
        }
    }

    /// Undoes the holds and starts that the agent did not request because the journal refused the
    /// write.
    pub(super) fn undo_unwritten(&mut self, actions: &[Action], now: Moment, out: &mut Transition) {
        self.is_journal_failing = true;
        for action in actions {
            let key = action.key();
            match action {
                Action::Hold(_) => {
                    self.requested.remove(key);
                    self.update_member(&key.run, now, out, |m| {
                        if m.work == WorkStage::Holding && m.attempt == key.attempt {
                            m.work = WorkStage::None;
                        }
                    });
                }
                Action::Start(_) => {
                    self.requested.remove(key);
                    self.update_member(&key.run, now, out, |m| {
                        if m.work == WorkStage::Started && m.attempt == key.attempt {
                            m.undo_start();
                            m.fail(
                                ReasonCode::AgentDiskFull,
                                "the agent cannot record the start in its journal: free space on \
                                 its disk and start the task again",
                            );
                        }
                    });
                }
                Action::Stop(..) | Action::Forget(_) => {}
            }
        }
    }
}
