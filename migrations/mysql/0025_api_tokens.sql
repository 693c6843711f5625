-- API tokens. Only the SHA-256 of a token is stored; hint is its last characters. project_id and role limit the token further than its account.
CREATE TABLE IF NOT EXISTS api_tokens (
    id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    hint VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    scope VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NULL,
    role VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NULL,
    last_used_at BIGINT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY api_tokens_digest (digest),
    KEY api_tokens_user (user_id, id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
