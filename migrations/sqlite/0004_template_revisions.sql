-- What each revision says. Never changed, never removed: runs of deleted templates stay explainable.
CREATE TABLE IF NOT EXISTS template_revisions (
    template_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    project_id TEXT NOT NULL,
    remark TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (template_id, revision)
) STRICT;
