"""管理: people, programs and their logins; partners and keys, what waits and what was set aside, health and backups."""
