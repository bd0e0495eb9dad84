"""Invitations say which addresses may sign up while the setting `sign_up` is `invited` (SPEC §20.4)."""
