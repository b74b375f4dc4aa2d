"""The quarterly exchange: each side's package, read, fed back on and signed off by all."""
