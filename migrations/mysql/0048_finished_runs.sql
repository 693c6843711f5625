-- Runs in the order of their ends, from this release on, for counts over time. One row per run, appended at its end.
CREATE TABLE IF NOT EXISTS finished_runs (
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    finished_at BIGINT NOT NULL,
    run_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    phase VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    queued_us BIGINT NULL,
    PRIMARY KEY (project_id, finished_at, run_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
