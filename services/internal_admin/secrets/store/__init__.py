"""Units of work on secrets.

Lock order: the agent's row of `subjects`, the scope of the names, `secrets` by id, `node_pools` by name,
`config_heads`. `values` is for other rooms. Its functions write no audit row: the caller writes the row of its own
action. `changes` has the actions of operators, each with its row. `listing` reads.
"""
