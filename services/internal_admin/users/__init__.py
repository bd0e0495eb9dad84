"""Users: found, listed, given another address, erased (SPEC §4.1, §4.2, §4.2a)."""
