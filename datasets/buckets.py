"""Buckets of shape families: the grain of every split, and the circle within which shapes are blended."""

import hashlib

BUCKETS = 20


def bucket(family: str) -> int:
    """The bucket, 0 to 19, to which a family belongs: a fixed hash of its name in lower case."""
    digest = hashlib.sha256(family.strip().lower().encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS
