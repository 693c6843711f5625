-- Answers given, so that a request sent twice is answered alike. Stored in the transaction of what they speak of.
CREATE TABLE IF NOT EXISTS idempotency (
    scope VARCHAR(191) NOT NULL,
    idem_key VARCHAR(191) NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    request CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    response MEDIUMTEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (scope, idem_key),
    KEY idempotency_at (at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
