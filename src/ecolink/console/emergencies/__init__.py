"""紧急通报: the emergencies, each with its live board; raising one, signing for one, whom to call."""
