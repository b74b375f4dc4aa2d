"""Bulletins: intelligence told to other bureaus, corrected or recalled by its author, answered by its holders.

`rules` is the life of a bulletin as tables and one fold over its thread; `sharing` says who may pass it on.
`reading` turns stored statements into the fold's moves, `projection` writes what the fold found into the
tables of `models` that lists search. `drafting` is what happens before anything is sent; `service` what
people do afterwards; `duties` what the node owes without being asked: compliance, and corrections and recalls
for those it passed a bulletin on to.
"""
