"""Speed, measured: never asserted in a test. `make bench` prints; docs/performance.md says what the numbers mean."""
