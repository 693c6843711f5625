-- Starts of tasks, without their members. body is the truth; a run that can still move has no settled_at.
CREATE TABLE IF NOT EXISTS runs (
    id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    task_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    number BIGINT NOT NULL,
    phase VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT NULL,
    body MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY runs_number (task_id, number),
    KEY runs_settled (settled_at, task_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
