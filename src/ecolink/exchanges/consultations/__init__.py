"""Consultations: planned or ad hoc, with invitation, minutes, conclusions and tasks."""
