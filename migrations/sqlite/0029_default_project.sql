-- The project of objects from before there were projects. Every party is offered to it.
INSERT OR IGNORE INTO projects (id, remark, all_parties, created_at) VALUES ('default', '', 1, 0);
