-- The row, for a fresh database.
INSERT IGNORE INTO hub (id, incarnation) VALUES (1, 1);
