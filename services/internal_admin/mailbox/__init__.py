"""The development mailbox: letters that the stub transport kept (SPEC §8)."""
