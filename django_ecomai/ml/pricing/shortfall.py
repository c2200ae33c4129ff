"""How few pieces a price may sell before that is no chance any more."""

from __future__ import annotations

#: Of the mean: by so much a variance exceeds it at least, as the distribution needs one that does.
_OVER = 1e-6


def least_pieces(*, mean: float, sd: float, chance: float) -> int:
    """The fewest pieces that are sold at least with probability 1 - ``chance``: fewer are too few. 0: none can tell.

    Pieces are gamma-Poisson (negative binomial; Greenwood and Yule, 1920): the level of sales is a gamma variable of
    which a forecast knows the mean, chance is Poisson around it. A normal bound of the same ``mean`` and ``sd`` lies
    below 0 as soon as the deviation is large, and nothing is ever sold below 0; counts are skewed, and their lower tail
    is short. Raises ``ValueError`` for a probability that is none.
    """
    from scipy.special import betainc

    if not 0 < chance < 1:
        raise ValueError(f"least_pieces(): chance is {chance}; give one between 0 and 1.")
    if mean <= 0:
        return 0
    variance = max(sd**2, mean * (1 + _OVER))
    shape, share = mean**2 / (variance - mean), mean / variance
    low, high = -1, int(mean) + 1  # P(at most low) < chance; the median lies below the mean
    while high - low > 1:
        middle = (low + high) // 2
        if betainc(shape, middle + 1, share) < chance:
            low = middle
        else:
            high = middle
    return high
