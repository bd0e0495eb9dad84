"""The development mailbox shows the letters that the stub transport kept (SPEC §7.1)."""
