-- Organisations, and the newest session of each: epoch moves by compare-and-swap.
CREATE TABLE IF NOT EXISTS parties (
    id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret_digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at BIGINT NOT NULL,
    remark MEDIUMTEXT NOT NULL,
    epoch BIGINT NOT NULL,
    instance CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    connected INT NOT NULL,
    since BIGINT NOT NULL,
    agent_version VARCHAR(255) NOT NULL,
    inventory_digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    inventory MEDIUMTEXT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY parties_secret (secret_digest)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
