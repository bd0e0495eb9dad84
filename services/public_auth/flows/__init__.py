"""What the public service does: one verb a file, from a command to an outcome. Refusals are values here."""
