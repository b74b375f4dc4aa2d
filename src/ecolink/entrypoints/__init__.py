"""The doors: the command line, the web servers, the worker, and the wiring that builds a node from its settings."""
