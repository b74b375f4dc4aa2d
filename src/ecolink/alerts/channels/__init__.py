"""One module for each service: what is sent to it, and how its answer is understood."""
