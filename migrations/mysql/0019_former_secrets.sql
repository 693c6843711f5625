-- Secrets that were replaced and are accepted until a moment; at most one of each party.
CREATE TABLE IF NOT EXISTS former_secrets (
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret_digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    accepted_until BIGINT NOT NULL,
    PRIMARY KEY (party_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
