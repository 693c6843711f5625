-- The aggregate's root: version orders all changes of a task, event_seq numbers its events, due_at is its timer.
-- body is the truth of what was submitted; the columns beside it are what is looked up by. tombstone as in templates.
CREATE TABLE IF NOT EXISTS tasks (
    id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    tombstone VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    template_id CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    phase VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    latest_run CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
    runs BIGINT NOT NULL,
    version BIGINT NOT NULL,
    event_seq BIGINT NOT NULL,
    due_at BIGINT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    deleted_at BIGINT NULL,
    body MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY tasks_name (project_id, tombstone, name),
    KEY tasks_newest (project_id, tombstone, id),
    KEY tasks_phase (project_id, tombstone, phase, id),
    KEY tasks_template (project_id, tombstone, template_id, id),
    KEY tasks_template_phase (project_id, tombstone, template_id, phase, id),
    KEY tasks_due (due_at),
    KEY tasks_of_template (template_id, tombstone)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
