"""Urgent word between neighbours: a forest fire, a natural disaster, a major eco-crime.

`rules` says what may follow what, `fires` what the forest-fire regulation makes of it, `border` and `geo`
how far it is to the province next door. `raising` sends the alert, `telling` what follows it; `tasks` watches
the clock and says whom to call when a receipt, a signature or the hourly news does not come.
"""
