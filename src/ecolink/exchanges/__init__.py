"""What bureaus exchange, one room each: case leads, bulletins, emergencies.

The rooms do not know each other. What they share stands beside them: `governance` (the terms under which
something is said) and `personal_data` (how persons are shown and kept out of free text).
"""
