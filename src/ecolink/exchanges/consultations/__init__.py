"""Consultations (会商研判): bureaus invite each other, set a date, sign the minutes, and follow up on them.

`rules` folds a thread into how the matter stands; everything else reads that: `ledger` keeps the rows lists search by,
`arrivals` applies what was said, `service` says it, `views` shows it.
"""
