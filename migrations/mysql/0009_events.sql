-- What happened to a task, numbered by its row: gapless and in order of commit.
CREATE TABLE IF NOT EXISTS events (
    task_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    seq BIGINT NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at BIGINT NOT NULL,
    kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    run_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NULL,
    message MEDIUMTEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
