-- Sign-ins and changes of accounts, tokens, projects and parties. Ids grow with time.
CREATE TABLE IF NOT EXISTS access_audit (
    id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at BIGINT NOT NULL,
    actor_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    actor VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    action VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    object VARCHAR(255) NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NULL,
    address VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    detail VARCHAR(255) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
