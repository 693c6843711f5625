-- Parties that get no new members.
CREATE TABLE IF NOT EXISTS disabled_parties (
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    disabled_at BIGINT NOT NULL,
    PRIMARY KEY (party_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
