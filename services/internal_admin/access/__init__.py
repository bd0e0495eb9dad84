"""Access: each request is authenticated, admitted, limited and allowed or refused before its route runs (SPEC §10)."""
