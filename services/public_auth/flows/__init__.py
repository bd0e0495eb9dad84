"""Each file has one verb, from a command to an outcome. Refusals are values here."""
