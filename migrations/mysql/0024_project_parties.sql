-- Parties that are offered to projects. datasets is a JSON list of names; NULL = all datasets of the party.
CREATE TABLE IF NOT EXISTS project_parties (
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    datasets MEDIUMTEXT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, party_id),
    KEY project_parties_party (party_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
