-- Names of deleted projects. Tasks and runs of a deleted project keep its name, so that a new project must not get it.
CREATE TABLE IF NOT EXISTS former_projects (
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    deleted_at BIGINT NOT NULL,
    PRIMARY KEY (project_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
