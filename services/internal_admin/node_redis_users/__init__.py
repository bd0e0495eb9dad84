"""Users of Redis that nodes have for themselves: made on request, deleted with the node (SPEC §16.9).

Postgres holds the truth; Redis is made to agree with it.
"""
