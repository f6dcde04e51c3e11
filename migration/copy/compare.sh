# Row counts of both sides, nothing changed.
counts
