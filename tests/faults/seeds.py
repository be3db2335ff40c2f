"""Generators that give all adapters of a server one seed, so that equal trainings end equally."""

from __future__ import annotations

from random import Random, SystemRandom

#: Of the number that the server draws for an adapter's seed.
_SEED_BITS = 31


class _OneSeed(Random):
    def getrandbits(self, bits: int, /) -> int:
        return 7 if bits == _SEED_BITS else super().getrandbits(bits)


class OneSeed(_OneSeed):
    """Makes the same ids after each start."""


class OneSeedNewIds(_OneSeed, SystemRandom):
    """Makes new ids after each start."""
