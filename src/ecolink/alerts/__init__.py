"""Alerts: telling our own people of what must not be missed, until one of them has acknowledged it.

The lower half sends: `channels` (one codec for each service), `contacts` (whom a channel reaches where), `dispatches`
(what is to be said to whom, kept until it is said), `sending` (the worker's part). It knows nothing of why.
"""
