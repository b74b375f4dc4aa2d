"""Structlog, by which the node tells what happens: imported here and nowhere else, without what paints."""

from ecolink.kit.imports import PAINTERS, without

with without(*PAINTERS):
    import structlog

__all__ = ["structlog"]
