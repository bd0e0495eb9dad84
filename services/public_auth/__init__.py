"""The public flow: send-email-code and confirm-email-code (SPEC §2, §3)."""
