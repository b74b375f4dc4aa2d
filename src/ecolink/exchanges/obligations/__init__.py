"""The watch over what agreements oblige us to: opened, reminded of, marked late, escalated, waived, reported.

`derivation` writes what is due from the agreements in force; `book` judges each obligation by its evidence; `watch`
does what the clock brings; `lateness` tells the partner; `waivers` lets it go where all agree; `report` counts.
"""
