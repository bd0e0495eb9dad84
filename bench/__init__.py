"""Speed, measured: never asserted in a test. `make bench` prints; docs/evidence says what the numbers mean."""
