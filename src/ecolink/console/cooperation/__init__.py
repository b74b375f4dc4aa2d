"""Liaison and exchange: what the agreements ask of us, by what it is met, and what waits for our word."""
