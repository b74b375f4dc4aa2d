"""Alliances: named lists of bureaus that bulletins and emergencies are told to.

Each bureau keeps its own lists of its active peers. Every change makes a new roster with a digest; a statement
freezes the roster it was addressed to (`protocol.kinds.rosters`), so that it stays clear who was meant.
"""
