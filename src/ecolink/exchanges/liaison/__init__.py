"""The monthly contact of liaison officers: recorded by one bureau, confirmed or objected to by the others.

`contacts` says what a contact counts for, `ledger` keeps the rows, `arrivals` applies what bureaus say, `forms` opens
the record form by itself with what is open between two bureaus, `service` is what officers do.
"""
