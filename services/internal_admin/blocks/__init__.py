"""Blocks keep users and addresses out: set, ended, listed, and passed on to the user service (SPEC §4.2, §8)."""
