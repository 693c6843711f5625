//! The durable record of each key: one small file per key, replaced by rename and synced before the
//! runtime reports the change.
//!
//! ```text
//!  held ──▶ created(uid) ──▶ ended ──▶ forgotten
//!              damaged ──▶ created(uid) | ended
//! ```
//!
//! An object is created suspended, so it runs nothing before its UID is recorded and the agent
//! resumes it. From then on the key is never created again: a recorded UID without an object means
//! that the object was deleted. If an agent is killed before it recorded the UID, a later agent
//! finds the suspended object by its name and adopts it, or finds none, and then nothing ran.
//!
//! A file that cannot be read affects its key only. The name of its folder contains the key; the
//! file may have recorded "created", so the key is never started again. The damaged file is kept
//! for diagnosis.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use flow_domain::progress::Progress;
use serde::{Deserialize, Serialize};

use crate::runtime::{Held, WorkKey, WorkState};
use crate::sidecar::rundir::{RunDir, bounded_json, dir_name, parse_dir_name, private_dir};

const RECORD: &str = "record.json";
/// A copy of a record that could not be read.
const DAMAGED: &str = "record.damaged";
/// The spooled log of a key, in segments.
const LOG: &str = "log";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// The hold is promised; nothing ran.
    Held,
    /// The object exists and may run.
    Created {
        uid: String,
        /// A stop was requested.
        stopping: bool,
    },
    /// The member ended; no Pod is alive or will be.
    Ended {
        uid: String,
        /// `Exited` or `Lost`.
        state: WorkState,
        /// The last progress, with as many of the last points as fit: a killed agent may not have sent
        /// them.
        progress: Option<Progress>,
    },
    /// The record could not be read. The member may have run, so it never starts again. The agent adopts
    /// its object in the cluster; without one the exit is unknown.
    Damaged,
    /// The hub has stored the end; log and name stay until the retention removes them.
    Forgotten,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub held: Held,
    #[serde(flatten)]
    pub stage: Stage,
}

/// The folder of all records.
#[derive(Debug, Clone)]
pub struct Records(PathBuf);

impl Records {
    /// Opens the folder; creates it if needed.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        private_dir(&folder)?;
        Ok(Self(folder))
    }

    /// Lists every key with a record.
    pub fn keys(&self) -> io::Result<Vec<WorkKey>> {
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            keys.extend(entry?.file_name().to_str().and_then(parse_dir_name));
        }
        Ok(keys)
    }

    /// Reads a key's record; `None` if there is none. A record that cannot be read is replaced by
    /// [`Stage::Damaged`].
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
                tracing::error!(run.id = %key.run, attempt = key.attempt, %error, "{}/{RECORD} cannot be read; the agent keeps it as {DAMAGED} \
                    and never starts its member again", dir.display());
                // The record exists at every moment: a key without one could be held and started.
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

    /// Replaces a key's record. The record is durable when this returns.
    pub fn write(&self, key: &WorkKey, record: &Record) -> io::Result<()> {
        let dir = self.dir(key);
        if !dir.is_dir() {
            private_dir(&dir)?;
            File::open(&self.0)?.sync_all()?;
        }
        let tmp = dir.join("record.tmp");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&tmp)?;
        file.write_all(&bounded_json(record, |record| match &mut record.stage {
            Stage::Ended { progress, .. } => Some(progress),
            Stage::Held | Stage::Created { .. } | Stage::Damaged | Stage::Forgotten => None,
        })?)?;
        file.sync_all()?;
        fs::rename(&tmp, dir.join(RECORD))?;
        File::open(&dir)?.sync_all()
    }

    /// Removes all files of a key.
    pub fn remove(&self, key: &WorkKey) -> io::Result<()> {
        match fs::remove_dir_all(self.dir(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Time of the last change of a key's record.
    pub fn modified_at(&self, key: &WorkKey) -> io::Result<std::time::SystemTime> {
        self.dir(key).join(RECORD).metadata()?.modified()
    }

    /// The folder of a key's log.
    #[must_use]
    pub fn log(&self, key: &WorkKey) -> PathBuf {
        self.dir(key).join(LOG)
    }

    /// True if the folder of a key's log contains files.
    #[must_use]
    pub fn has_log(&self, key: &WorkKey) -> bool {
        !RunDir::at(self.dir(key)).is_empty()
    }

    /// The folder of a key.
    #[must_use]
    pub fn dir(&self, key: &WorkKey) -> PathBuf {
        self.0.join(dir_name(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(attempt: u32) -> WorkKey {
        WorkKey { run: "a".repeat(32).parse().expect("an id"), attempt }
    }

    #[test]
    fn record_is_read_as_it_was_written_and_a_missing_one_is_none() {
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
    fn damaged_record_is_kept_for_diagnosis_and_its_key_stays_used() {
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
    fn recorded_end_keeps_as_many_of_the_last_points_as_fit() {
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
    fn interrupted_write_leaves_the_previous_record() {
        let folder = tempfile::tempdir().expect("a directory");
        let records = Records::open(folder.path().to_owned()).expect("opened");
        let record = Record { held: Held::default(), stage: Stage::Held };
        records.write(&key(1), &record).expect("written");
        fs::write(records.dir(&key(1)).join("record.tmp"), "{\"stage\":\"crea")
            .expect("half a record");
        assert_eq!(records.read(&key(1)).expect("read"), Some(record));
    }
}
