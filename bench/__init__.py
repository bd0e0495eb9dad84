"""Measures speed; no test asserts it. `make bench` prints the numbers; docs/evidence explains them."""
