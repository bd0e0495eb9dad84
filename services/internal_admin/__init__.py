"""The internal service: trusted operations on sessions, blocks and users (SPEC §4). Never imports the public one."""
