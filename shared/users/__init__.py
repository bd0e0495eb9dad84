"""Users of a user service (SPEC §8 `rest`). In mode `stub` users live in Postgres, and nothing here is used."""
