"""Races of several processes for one account, on a SQLite file and on a PostgreSQL server."""
