"""The strength gamma of a correction: the share of the synthetic samples that it replaces.

Each sample is replaced by its corrected version with probability gamma / (1 + gamma). Where the
correction draws from the target p* itself, what comes out is a draw from
pi_gamma p = (p + gamma p*) / (1 + gamma), the correction of arXiv 2402.07087.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic

import numpy as np

from loop.errors import InvalidOptionError, InvalidSamplesError
from loop.interfaces import (
    BatchT,
    Corrected,
    Correction,
    Domain,
    NoCorrection,
    join,
    own_copy,
    take,
)
from loop.rng import Stream

REPLACED = "Replaced_correction"
"""Metric of a generation: how many samples were replaced."""
KEPT = "Kept motions_correction"
"""Metric of a correction that drops samples: how many are left to train on."""
COINS = 2**32 - 1
"""Spawn key of the coins; the correction's own `spawn` counts up from 0."""


def replaced_share(gamma: float) -> float:
    """Return gamma / (1 + gamma), the probability of being replaced; 1 for inf.

    Raises:
        InvalidOptionError: gamma is negative or not a number.
    """
    if not gamma >= 0:
        raise InvalidOptionError(
            "the strength of a correction cannot be negative", found=gamma, expected="0 to inf"
        )
    return 1.0 if math.isinf(gamma) else gamma / (1.0 + gamma)


def recorded_gamma(gamma: float) -> Mapping[str, Any]:
    """Return what args.json says of the strength: nothing of inf, so that older runs go on."""
    return {} if math.isinf(gamma) else {"gamma": gamma}


def with_strength(domain: Domain[BatchT], gamma: float) -> Domain[BatchT]:
    """Return the domain with its correction function at strength `gamma`."""
    if math.isinf(gamma) or isinstance(domain.correction, NoCorrection):
        return domain
    return domain.with_parts(correction=PartialCorrection(domain.correction, gamma))


class PartialCorrection(Generic[BatchT]):
    """Replaces each sample by its corrected version with probability gamma / (1 + gamma).

    The correction sees the whole batch whatever gamma is, and draws what it would draw alone; so
    runs that differ in gamma are paired: a larger one replaces the same samples and more.

    Args:
        correction: any correction function.
        gamma: 0 (no sample is replaced) to inf (the correction as it is).

    Raises:
        InvalidOptionError: gamma is negative or not a number.
    """

    def __init__(self, correction: Correction[BatchT], gamma: float) -> None:
        self._correction, self._share = correction, replaced_share(gamma)

    def correct(
        self, batch: BatchT, stream: Stream, scratch: Path | None = None
    ) -> Corrected[BatchT]:
        """Correct the samples that are chosen; the order of `batch` stays.

        A chosen sample that the correction drops is dropped, one that is not chosen stays as drawn.
        The report is that of the correction on all samples, and `REPLACED`; where it tells how many
        are left (KEPT), those that stayed as drawn are counted in.

        Raises:
            InvalidSamplesError: samples were dropped, and the correction does not say which.
        """
        corrected = self._correction.correct(own_copy(batch), stream, scratch)
        if self._share == 1.0:
            return corrected
        coins = np.random.default_rng(
            Stream(stream.entropy, spawn_key=(*stream.spawn_key, COINS))
        ).random(len(batch))
        chosen = coins < self._share
        rows = np.arange(len(batch)) if corrected.rows is None else np.asarray(corrected.rows)
        if len(rows) != len(corrected.batch):
            raise InvalidSamplesError(
                "a correction dropped samples and does not say which",
                found=f"{len(corrected.batch)} of {len(batch)} samples, rows: {corrected.rows}",
                expected="Corrected(batch, report, rows=...): the row of the input of each sample",
                remedy="let the correction fill `rows`, or leave --gamma out",
            )
        source = np.where(chosen, -1, np.arange(len(batch)))  # row of both together; -1: dropped
        source[rows] = np.where(chosen[rows], len(batch) + np.arange(len(rows)), source[rows])
        left = np.flatnonzero(source >= 0)
        mixed = take(join(batch, corrected.batch), source[left])
        report = {**corrected.report, REPLACED: float(chosen[rows].sum())}
        if KEPT in report:
            report[KEPT] = float(len(left))
        return replace(corrected, batch=mixed, rows=left, report=report)
