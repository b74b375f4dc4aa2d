"""Uvicorn, which serves: imported here and nowhere else, without what would watch our files for changes (1 MB)."""

from ecolink.kit.imports import without

with without("watchfiles"):
    from uvicorn import Config, Server
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    from uvicorn.server import ServerState

__all__ = ["Config", "HttpToolsProtocol", "Server", "ServerState"]
