"""Real Postgres and Redis servers from Python packages, as child processes that never outlive us."""
