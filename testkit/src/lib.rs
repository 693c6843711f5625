//! What tests need from the machine: real databases, data, ports, deadlines.
