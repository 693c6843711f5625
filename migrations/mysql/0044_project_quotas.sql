-- Numbers of stored objects of each project, changed in the transaction of the objects. A limit that is NULL is that of the configuration.
CREATE TABLE IF NOT EXISTS project_quotas (
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    tasks BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    templates BIGINT NOT NULL,
    tasks_max BIGINT NULL,
    runs_max BIGINT NULL,
    templates_max BIGINT NULL,
    PRIMARY KEY (project_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
