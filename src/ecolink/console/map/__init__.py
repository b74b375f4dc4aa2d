"""地图: where things are, on the bureau's own outlines and border; no tiles are needed, and nobody else is asked."""
