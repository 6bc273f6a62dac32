"""PostgreSQL, Redis and the supervisor of the local stack. Nothing here needs Django."""
