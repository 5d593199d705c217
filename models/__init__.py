"""Tensors in, tensors out: networks, geometry, metrics; and where their weights come from."""
