-- One row, id 1. A restore raises the incarnation, so that agents can tell a hub with an older memory from the one they knew.
CREATE TABLE IF NOT EXISTS hub (
    id INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
