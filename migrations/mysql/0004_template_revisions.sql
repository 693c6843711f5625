-- What each revision says. Never changed, never removed: runs of deleted templates stay explainable.
CREATE TABLE IF NOT EXISTS template_revisions (
    template_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    revision BIGINT NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    remark MEDIUMTEXT NOT NULL,
    body MEDIUMTEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (template_id, revision)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
