-- Number of the newest event that was deleted from the feed.
INSERT INTO feed_head (id, project_id, seq) SELECT 2, '', 0 WHERE NOT EXISTS (SELECT 1 FROM feed_head WHERE id = 2);
