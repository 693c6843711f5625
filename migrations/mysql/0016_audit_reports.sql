-- Reports that changed no phase. The key is the report's own, so a repeated one is stored once.
CREATE TABLE IF NOT EXISTS audit_reports (
    party_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    run_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    instance CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    attempt BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    refusal VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    report MEDIUMTEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (party_id, run_id, instance, attempt, sequence)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
