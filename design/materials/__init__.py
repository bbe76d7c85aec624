"""Screening and designing surfaces: spaces of slabs, scores with their doubt, verdicts, reports."""
