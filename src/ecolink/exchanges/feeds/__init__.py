"""What is due, in an officer's own calendar: iCalendar (RFC 5545) at an address that only they know.

A calendar program cannot log in, so the address is the secret: 256 random bits, shown once, kept as a digest, and
revoked at any time. Nothing personal stands in a feed. `codec` writes calendars and knows nothing of rooms; the rooms
hand their entries over through wiring.
"""
