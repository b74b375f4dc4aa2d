"""Who may come in and what they may do.

`accounts` are people and programs; `passwords` hash what people know; `throttle` slows guessing down;
`tokens` are what a login hands out; `sessions` make each of them revocable; `roles` says what each may do.
"""
