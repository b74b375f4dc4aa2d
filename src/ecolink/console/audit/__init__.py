"""审计: who looked at what and why, what was signed about a matter, and that neither was changed since."""
