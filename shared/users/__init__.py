"""Users that live elsewhere (SPEC §8 `rest`). In mode `stub` they live in Postgres, and nothing here is wired."""
