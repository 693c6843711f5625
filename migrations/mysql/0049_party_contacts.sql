-- The newest openings and ends of sessions of each party. slot is number modulo 100, so that a new row replaces the oldest one.
CREATE TABLE IF NOT EXISTS party_contacts (
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    slot BIGINT NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    reason VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    agent_version VARCHAR(255) NOT NULL,
    PRIMARY KEY (party_id, slot)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
