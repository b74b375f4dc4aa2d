"""The fictional events, one module per kind of exchange."""
