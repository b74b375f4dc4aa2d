"""Who may come in and what they may do.

`accounts` are people and programs, and `roles` says what each may do; `logins` let them in: `throttle`
slows guessing down, `passwords` checks what they know, `sessions` keeps each login revocable, `tokens` is
what it hands out. `principal` is a caller, as everything above sees them.
"""
