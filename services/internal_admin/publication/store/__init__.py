"""Units of work of published configuration.

Lock order of every transaction: one row of `subjects`, then rows of `node_pools` in the order of their names, then
`config_heads` of these pools. Only the holder of a pool's row changes the pool's head or the subjects that are active
in it; the one exception is the halt of a stage, which locks one head alone.
"""
