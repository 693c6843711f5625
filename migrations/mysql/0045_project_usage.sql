-- Counts the objects of the existing projects.
INSERT IGNORE INTO project_quotas (project_id, tasks, runs, templates)
SELECT p.id,
    (SELECT COUNT(*) FROM tasks t WHERE t.project_id = p.id AND t.tombstone = ''),
    (SELECT COALESCE(SUM(t.runs), 0) FROM tasks t WHERE t.project_id = p.id AND t.tombstone = ''),
    (SELECT COUNT(*) FROM templates t WHERE t.project_id = p.id AND t.tombstone = '')
FROM projects p;
