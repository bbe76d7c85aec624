"""Design: problems, optimisers that follow the gradient of whoever answers, verification by a simulator, the report."""
