-- Which living tasks a party has a part in; rows go when the task is deleted.
CREATE TABLE IF NOT EXISTS task_parties (
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    task_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (project_id, party_id, task_id),
    KEY task_parties_task (task_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
