"""Alerts: telling our own people of what must not be missed, until one of them has acknowledged it.

The lower half sends: `channels` (one codec for each service), `contacts` (whom a channel reaches where), `dispatches`
(what is to be said to whom, kept until it is said), `sending` (the worker's part). It knows nothing of why.

The upper half decides: `rules` (pure: whom an alert is told to next, and when), `ledger` (the alerts there are),
`escalation` (the steps that are due), `people` and `preferences` (who there is, and how each wants to be told), `duty`
(the rota), `links` and `pins` (acknowledging from the phone). What there is to tell, rooms say through hooks.
"""
