-- The only row.
INSERT INTO feed_head (id, project_id, seq) SELECT 1, '', 0 WHERE NOT EXISTS (SELECT 1 FROM feed_head);
