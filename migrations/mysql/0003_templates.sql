-- Templates. tombstone is empty while the template lives and its own id afterwards: names are unique among the living.
CREATE TABLE IF NOT EXISTS templates (
    id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    tombstone VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    remark MEDIUMTEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY templates_name (project_id, tombstone, name)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
