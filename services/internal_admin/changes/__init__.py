"""A mutation publishes its gateway records before it answers, and happens once under a key (SPEC §4.3, §6.3)."""
