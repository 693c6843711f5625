-- Newest progress of each member: latest wins, no events.
CREATE TABLE IF NOT EXISTS progress (
    run_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at BIGINT NOT NULL,
    body MEDIUMTEXT NOT NULL,
    PRIMARY KEY (run_id, party_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
