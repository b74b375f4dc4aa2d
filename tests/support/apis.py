"""The two applications without a node behind them, and what they say of themselves: written down once in a run."""

from ecolink.web import openapi

LOCAL, FEDERATION = openapi.local_app(), openapi.federation_app()
