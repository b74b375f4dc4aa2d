"""Small things every floor uses, and none of them about police work.

The time and how it is written (`clock`, `times`), how a thing is named and hashed (`ids`, `canonical`), what may follow
what (`states`), who may call how often and who goes first (`buckets`, `traffic`), secrets at rest (`vault`), what the
process tells of itself (`events`, `meters`), and imports no larger than needed (`imports`).
"""
