"""管理: partners and keys, what waits and what was set aside, the node's health and its backups."""
