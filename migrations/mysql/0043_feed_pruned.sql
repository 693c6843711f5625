-- Number of the newest event that was deleted from the feed.
INSERT IGNORE INTO feed_head (id, project_id, seq) VALUES (2, '', 0);
