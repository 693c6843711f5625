-- The row, for a fresh database.
INSERT OR IGNORE INTO hub (id, incarnation) VALUES (1, 1);
