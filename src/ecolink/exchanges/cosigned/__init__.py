"""The register of what several bureaus sign: terms, liaison records, sign-offs, minutes, waivers.

Each exchange room says its own statements; who has signed which digest is kept here once for all of them.
"""
