-- Parties' parts in runs. body is the truth. unsettled_party is the party until the member has settled, then empty: so the
-- index of those that can still move stays as short as they are few, and a start of many touches few of its pages.
CREATE TABLE IF NOT EXISTS members (
    run_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    task_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    position BIGINT NOT NULL,
    phase VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    unsettled_party VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin,
    body MEDIUMTEXT NOT NULL,
    PRIMARY KEY (run_id, party_id),
    KEY members_unsettled (unsettled_party, task_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
