"""Units of work on nodes. Lock order: node_join_tokens, nodes, settings, node_pools, node_keys."""
