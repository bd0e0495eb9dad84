"""Endpoints: turn HTTP requests into commands, and outcomes into HTTP answers. They decide nothing."""
