//! `decide(spec, resolution) → allow | ask | deny`, evaluated at the party on every spec. Default deny.
