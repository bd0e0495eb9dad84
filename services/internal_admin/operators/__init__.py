"""Operators: the owner is set up; accounts log in, change and recover passwords, are disabled (SPEC §10.1–§10.6)."""
