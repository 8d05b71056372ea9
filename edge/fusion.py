"""What the detector and the classifier say together: of one look, and of many looks at one sign."""

from __future__ import annotations

import math

import numpy as np

from edge.core import Array, Detection, Reading
from models.signs import BACKGROUND, COUNT

CLASSES = COUNT + 2  # the signs, foreign, background

TRUST = 0.99  # neither model is believed beyond this on one look: calibration ends about here
DOUBT = 0.05  # share of every look that is spread evenly: one wild look cannot veto a sign


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1 - TRUST), TRUST)
    return math.log(bounded / (1 - bounded))


def fuse(detection: Detection, reading: Reading) -> float:
    """How likely this is a road sign at all, one of the 43 or foreign: 1 − TRUST … TRUST.

    The mean of the log-odds of the detector's score and of the classifier's 1 − P(background),
    each held within TRUST (a logarithmic opinion pool with equal weights):

        logit s = (logit score + logit(1 − P(background))) / 2

    It never falls when either grows, and each can outvote the other. The plain product of odds
    would treat the two as independent, but both look at the same pixels, so it would count them
    twice. Because of the bound, signs the classifier is sure of are ranked by the detector, and
    not by the last digits of a saturated int8 softmax.
    """
    return _pooled(detection.score, 1 - float(reading.probabilities[BACKGROUND]))


def most(detection: Detection) -> float:
    """What `fuse` gives at most for it, whatever it is read as."""
    return _pooled(detection.score, 1.0)


def _pooled(score: float, not_background: float) -> float:
    return 1 / (1 + math.exp(-(_log_odds(score) + _log_odds(not_background)) / 2))


def look(detection: Detection, reading: Reading) -> Array:
    """What one look says about every class, (45,), summing to 1.

    The background's share is 1 − `fuse`; the others share the rest as the classifier said.
    """
    fused = fuse(detection, reading)
    signs = np.asarray(reading.probabilities[:BACKGROUND], dtype=np.float64)  # (44,)
    total = float(signs.sum())
    shares = signs / total if total > 0 else np.full(BACKGROUND, 1 / BACKGROUND)
    return np.append(shares * fused, 1 - fused)


class Evidence:
    """Many looks at one track, summed as tempered log-probabilities.

    A look of weight 1 counts as one independent observation. The sum never exceeds `limit`
    independent observations: beyond it what is older fades, so that looks which share one mistake
    (the same light, the same mud) cannot pile up certainty, and close looks replace far ones.
    Before the first look half the belief is background, the rest is spread over the 44 others.
    """

    __slots__ = ("_log", "_mean", "_posterior", "limit", "looks", "votes", "weight")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.weight = 0.0
        self.looks = 0
        self.votes = [0] * CLASSES
        self._log = np.zeros(CLASSES)  # weighted log-probabilities, without the prior
        self._mean = np.zeros(CLASSES)  # weighted probabilities
        self._posterior = _PRIOR

    def add(self, probabilities: Array, weight: float) -> None:
        """Take one look, (45,) probabilities as from `look`, worth `weight` observations."""
        self.looks += 1
        self.votes[int(probabilities.argmax())] += 1
        doubted = probabilities * (1 - DOUBT) + DOUBT / CLASSES
        self._gather(np.log(doubted) * weight, probabilities * weight, weight)

    def merge(self, other: Evidence) -> None:
        """Take everything another track of the same physical sign has seen."""
        self.looks += other.looks
        self.votes = [a + b for a, b in zip(self.votes, other.votes, strict=True)]
        self._gather(other._log, other._mean, other.weight)

    def _gather(self, log: Array, mean: Array, weight: float) -> None:
        self._log = self._log + log
        self._mean = self._mean + mean
        self.weight += weight
        if self.weight > self.limit:
            fade = self.limit / self.weight
            self._log = self._log * fade
            self._mean = self._mean * fade
            self.weight = self.limit
        scores = self._log + _LOG_PRIOR
        powers = np.exp(scores - scores.max())
        self._posterior = powers / powers.sum()

    @property
    def posterior(self) -> Array:
        """Belief in every class after all looks, (45,), summing to 1."""
        return self._posterior

    def average(self, index: int) -> float:
        """The weighted mean probability a look gave this class; 0 before the first look.

        Unlike the posterior it does not grow with the number of looks: a sign that every look
        half believes in stays half believed.
        """
        return float(self._mean[index]) / self.weight if self.weight > 0 else 0.0


_PRIOR = np.append(np.full(BACKGROUND, 0.5 / BACKGROUND), 0.5)
_LOG_PRIOR = np.log(_PRIOR)
