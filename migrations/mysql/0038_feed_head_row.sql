-- The only row.
INSERT IGNORE INTO feed_head (id, project_id, seq) VALUES (1, '', 0);
