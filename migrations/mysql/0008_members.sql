-- Parties' parts in runs. body is the truth.
CREATE TABLE IF NOT EXISTS members (
    run_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    task_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    position BIGINT NOT NULL,
    phase VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    settled INT NOT NULL,
    body MEDIUMTEXT NOT NULL,
    PRIMARY KEY (run_id, party_id),
    KEY members_unsettled (party_id, settled, task_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
