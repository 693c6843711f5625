//! What the runtime itself must not forget of a key, whatever the cluster shows: one small file per key, changed by
//! rename and synced before anybody is told.
//!
//! ```text
//!  held ──▶ created(uid) ──▶ ended ──▶ forgotten
//!              damaged ──▶ created(uid) | ended
//! ```
//!
//! An object is created suspended, so nothing of it runs yet. Only when its UID stands here is it let go. From then on
//! the key is never created again: a recorded UID whose object is gone was deleted. Killed before the UID was written,
//! a later agent finds the suspended object by its name and takes it up, or finds none, which then has never run.
//!
//! A file that cannot be read costs its own key alone. The name of its folder still says whose it is; what it said may
//! have been "created", so the key is used up. The file is kept beside its successor, for whoever wants to look.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use flow_domain::progress::Progress;
use serde::{Deserialize, Serialize};

use crate::runtime::{Held, WorkKey, WorkState};
use crate::sidecar::rundir::{RunDir, bounded, marker, parse_marker, private_dir};

const RECORD: &str = "record.json";
/// A record that could not be read.
const DAMAGED: &str = "record.damaged";
/// The spooled log of a key, in segments.
const LOG: &str = "log";

/// How far a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Promised; nothing was let run.
    Held,
    /// Let run, once and for all.
    Created {
        /// The object's.
        uid: String,
        /// Its end was asked for.
        stopping: bool,
    },
    /// Nothing of it is alive, nor ever will be.
    Ended {
        /// The object's.
        uid: String,
        /// How it ended: `Exited` or `Lost`.
        state: WorkState,
        /// The last that was seen of its progress, with as many of the last points as there is room for: an agent that is
        /// killed may not have told them.
        progress: Option<Progress>,
    },
    /// What stood here could not be read: it may have been let run, so it never is again. What the cluster has of it is
    /// taken up; if it has nothing, nobody knows how it ended.
    Damaged,
    /// The end is stored elsewhere; log and name stay until the retention removes them.
    Forgotten,
}

/// One key's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What was promised.
    pub held: Held,
    /// How far it is.
    #[serde(flatten)]
    pub stage: Stage,
}

/// The folder of all records.
#[derive(Debug, Clone)]
pub struct Records(PathBuf);

impl Records {
    /// Open the folder, or make it.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        private_dir(&folder)?;
        Ok(Self(folder))
    }

    /// Every key of which something is kept.
    pub fn keys(&self) -> io::Result<Vec<WorkKey>> {
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            keys.extend(entry?.file_name().to_str().and_then(parse_marker));
        }
        Ok(keys)
    }

    /// A key's record; `None` if there is none. One that cannot be read is set aside.
    pub fn read(&self, key: &WorkKey) -> io::Result<Option<Record>> {
        match RunDir::at(self.dir(key)).read(RECORD) {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                let dir = self.dir(key);
                tracing::error!(run.id = %key.run, attempt = key.attempt, %error, "{}/{RECORD} cannot be read; it is kept as {DAMAGED}, \
                    and its member is never started again", dir.display());
                // The old name is never without a file: a key without a record could be held and started.
                match fs::hard_link(dir.join(RECORD), dir.join(DAMAGED)) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => {}
                }
                let record = Record { held: Held::default(), stage: Stage::Damaged };
                self.write(key, &record)?;
                Ok(Some(record))
            }
            Err(error) => Err(error),
        }
    }

    /// Replace a key's record. Durable when this returns.
    pub fn write(&self, key: &WorkKey, record: &Record) -> io::Result<()> {
        let dir = self.dir(key);
        if !dir.is_dir() {
            private_dir(&dir)?;
            File::open(&self.0)?.sync_all()?;
        }
        let tmp = dir.join("record.tmp");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&tmp)?;
        file.write_all(&bounded(record, |record| match &mut record.stage {
            Stage::Ended { progress, .. } => Some(progress),
            Stage::Held | Stage::Created { .. } | Stage::Damaged | Stage::Forgotten => None,
        })?)?;
        file.sync_all()?;
        fs::rename(&tmp, dir.join(RECORD))?;
        File::open(&dir)?.sync_all()
    }

    /// Remove everything of a key.
    pub fn remove(&self, key: &WorkKey) -> io::Result<()> {
        match fs::remove_dir_all(self.dir(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// When a key's record was last changed.
    pub fn changed(&self, key: &WorkKey) -> io::Result<std::time::SystemTime> {
        self.dir(key).join(RECORD).metadata()?.modified()
    }

    /// Where a key's log is spooled.
    #[must_use]
    pub fn log(&self, key: &WorkKey) -> PathBuf {
        self.dir(key).join(LOG)
    }

    /// True if anything of a key's log is kept.
    #[must_use]
    pub fn has_log(&self, key: &WorkKey) -> bool {
        RunDir::at(self.dir(key)).has_results()
    }

    /// A key's own folder.
    #[must_use]
    pub fn dir(&self, key: &WorkKey) -> PathBuf {
        self.0.join(marker(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(attempt: u32) -> WorkKey {
        WorkKey { run: "a".repeat(32).parse().expect("an id"), attempt }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_a_missing_one_is_none() {
        let folder = tempfile::tempdir().expect("a directory");
        let records = Records::open(folder.path().join("kubernetes")).expect("opened");
        assert_eq!(records.read(&key(1)).expect("read"), None);
        let held = Held {
            ports: [("grpc".to_owned(), 50001)].into(),
            endpoints: [("grpc".to_owned(), "x:80".to_owned())].into(),
        };
        let stages = [
            Stage::Held,
            Stage::Created { uid: "u".to_owned(), stopping: true },
            Stage::Ended {
                uid: "u".to_owned(),
                state: WorkState::Running,
                progress: Some(Progress::default()),
            },
            Stage::Forgotten,
        ];
        for stage in stages {
            let record = Record { held: held.clone(), stage };
            records.write(&key(1), &record).expect("written");
            assert_eq!(records.read(&key(1)).expect("read"), Some(record));
        }
        records.write(&key(2), &Record { held, stage: Stage::Held }).expect("written");
        let mut keys = records.keys().expect("listed");
        keys.sort();
        assert_eq!(keys, [key(1), key(2)]);
        records.remove(&key(1)).expect("removed");
        records.remove(&key(1)).expect("removed again");
        assert_eq!(records.keys().expect("listed"), [key(2)]);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_kept_for_inspection_and_its_key_is_never_free_again() {
        let folder = tempfile::tempdir().expect("a directory");
        let records = Records::open(folder.path().to_owned()).expect("opened");
        for (attempt, text) in
            (1..).zip(["", "{\"held\": {}", "{\"stage\": \"of a later release\"}", "\0\0\0\0"])
        {
            let key = key(attempt);
            records
                .write(&key, &Record { held: Held::default(), stage: Stage::Held })
                .expect("written");
            fs::write(records.dir(&key).join(RECORD), text).expect("damaged");
            for _ in 0..2 {
                assert_eq!(
                    records.read(&key).expect("read").map(|record| record.stage),
                    Some(Stage::Damaged),
                    "{text:?}"
                );
                assert_eq!(
                    fs::read_to_string(records.dir(&key).join(DAMAGED)).expect("kept"),
                    text
                );
            }
        }
    }

    #[test]
    fn an_end_keeps_as_many_of_the_last_points_as_there_is_room_for() {
        let folder = tempfile::tempdir().expect("a directory");
        let records = Records::open(folder.path().to_owned()).expect("opened");
        let point = |step| flow_domain::progress::Point {
            series: "loss".to_owned(),
            step,
            value: "0.125".to_owned(),
        };
        let progress = Progress {
            complete: true,
            points: (0..10_000).map(point).collect(),
            ..Progress::default()
        };
        let stage = Stage::Ended {
            uid: "u".to_owned(),
            state: WorkState::Running,
            progress: Some(progress),
        };
        records.write(&key(1), &Record { held: Held::default(), stage }).expect("written");
        let Some(Record { stage: Stage::Ended { progress: Some(kept), .. }, .. }) =
            records.read(&key(1)).expect("read")
        else {
            panic!("no progress")
        };
        let steps: Vec<u64> = kept.points.iter().map(|point| point.step).collect();
        assert!(kept.complete && steps.len() > 500 && steps.last() == Some(&9_999), "{steps:?}");
    }

    #[test]
    fn a_record_cut_off_in_the_middle_of_a_write_is_the_one_before() {
        let folder = tempfile::tempdir().expect("a directory");
        let records = Records::open(folder.path().to_owned()).expect("opened");
        let record = Record { held: Held::default(), stage: Stage::Held };
        records.write(&key(1), &record).expect("written");
        fs::write(records.dir(&key(1)).join("record.tmp"), "{\"stage\":\"crea")
            .expect("half a record");
        assert_eq!(records.read(&key(1)).expect("read"), Some(record));
    }
}
