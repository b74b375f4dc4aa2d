"""Structlog, by which the node tells what happens: imported here and nowhere else, without what paints.

Nor does it need greenlets (1 MB), of which it asks only whose context it is in: a node works in threads.
"""

from ecolink.kit.imports import PAINTERS, without

with without(*PAINTERS, "greenlet"):
    import structlog

__all__ = ["structlog"]
