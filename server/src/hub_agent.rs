//! The hub party's own agent, inside this process: the same code as everywhere, over a channel in memory.
