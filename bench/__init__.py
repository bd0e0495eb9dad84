"""Speed, measured: never asserted in a test. `make bench` prints; docs/evidence/performance.md says what the numbers mean."""
