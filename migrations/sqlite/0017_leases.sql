-- Who runs a loop that only one replica may run. version moves by compare-and-swap.
CREATE TABLE IF NOT EXISTS leases (
    name TEXT NOT NULL,
    project_id TEXT NOT NULL,
    holder TEXT NOT NULL,
    version INTEGER NOT NULL,
    held_until INTEGER NOT NULL,
    PRIMARY KEY (name)
) STRICT;
