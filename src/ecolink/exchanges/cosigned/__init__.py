"""The register of what several bureaus sign: terms, liaison records, sign-offs, waivers.

Each exchange room says its own statements; who has signed which digest is kept here once for all of them. Only
a consultation's minutes are not here: the fold of its thread says who confirmed them.
"""
