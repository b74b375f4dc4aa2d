"""Two servers of the TAXII standard, fed like a node: one connection, 50 objects a request, 10,000 stored before.

Each runs as its own documentation has it, behind gunicorn, in a virtual environment of its own. See README.md for
what they do not do.
"""
