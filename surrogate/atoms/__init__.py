"""Encoding of slabs of atoms: descriptors of elements, neighbours, graphs."""
