-- Lists of the runs of a party.
CREATE INDEX IF NOT EXISTS members_party ON members (project_id, party_id, run_id);
