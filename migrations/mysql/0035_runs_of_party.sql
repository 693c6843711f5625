-- Lists of the runs of a party.
ALTER TABLE members ADD KEY /*M! IF NOT EXISTS */ members_party (project_id, party_id, run_id);
