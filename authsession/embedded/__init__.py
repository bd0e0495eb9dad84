"""Real Postgres and Redis servers from Python packages. They run as child processes and end with this process."""
