"""Operators: the owner is set up; accounts log in, change passwords and recover them (SPEC §10.1, §10.2)."""
