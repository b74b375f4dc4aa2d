"""When things are due: the terms of domain and law as data, working days as the State Council announces them."""
