"""How the node keeps what it accepted: one database, SQLite embedded or PostgreSQL by URL."""
