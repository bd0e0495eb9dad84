"""The node API: joining, signed configuration, status. Services and the node library both import it."""
