"""Device sessions as rows. Each service writes its own guarded statements; only the reading of a row is common."""
