-- Webhooks of projects. The hub signs with the secret, so that it is stored as it is.
CREATE TABLE IF NOT EXISTS webhooks (
    id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    url VARCHAR(2048) NOT NULL,
    kinds TEXT NOT NULL,
    labels TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    disabled_reason VARCHAR(255) NULL,
    failing_since BIGINT NULL,
    secret VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    former_secret VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
    former_until BIGINT NULL,
    feed_seq BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY webhooks_name (project_id, name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
