"""The numbers of the Gaussian experiment on disk: curves as CSV, the rest as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from domains.gaussian.domain import GaussianResult
from domains.gaussian.theory import Contraction, StabilityMap, border, gaussian_factor, rho
from eval.metrics.statistics import Interval, mean_interval
from loop.rundir.files import write_bytes, write_json

LAST = 100
"""Generations behind a final value."""


class Band(NamedTuple):
    """Median and 2.5 and 97.5 % quantiles over seeds; the seed axis of the input is gone."""

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray


def band(values: np.ndarray) -> Band:
    """Return the 95 % band over seeds (the last axis)."""
    low, median, high = np.quantile(values, [0.025, 0.5, 0.975], axis=-1)
    return Band(median, low, high)


def final_distance(result: GaussianResult) -> np.ndarray:
    """Average W₂ of each arm and seed over the last `LAST` generations: (A, S)."""
    trained = result.distance[1:] if len(result.distance) > 1 else result.distance
    return trained[-LAST:].mean(axis=0)


def order_by_gamma(result: GaussianResult) -> list[dict[str, Any]]:
    """Measure how far W₂ falls between neighbouring γ, paired over seeds, with 95 % interval."""
    order = np.argsort(result.settings.gammas, kind="stable")
    final = final_distance(result)
    return [
        {
            "from": _number(result.settings.gammas[weaker]),
            "to": _number(result.settings.gammas[stronger]),
            **_interval(mean_interval((final[weaker] - final[stronger]).tolist())),
        }
        for weaker, stronger in pairwise(order)
    ]


def write_result(stem: Path, result: GaussianResult, contraction: Contraction) -> list[Path]:
    """Write `<stem>.csv` (one row a γ and generation) and `<stem>.json`; returns the paths."""
    distance, mean, covariance = (
        band(values) for values in (result.distance, result.mean, result.covariance)
    )
    rows = (
        [gamma, generation]
        + [float(values[generation, arm]) for values in distance]
        + [float(mean.median[generation, arm]), float(covariance.median[generation, arm])]
        for arm, gamma in enumerate(result.settings.gammas)
        for generation in range(len(result.distance))
    )
    header = ["gamma", "generation", "w2_median", "w2_low", "w2_high"]
    _write_csv(
        stem.with_suffix(".csv"), [*header, "mean_part_median", "covariance_part_median"], rows
    )
    final = final_distance(result)
    write_json(
        stem.with_suffix(".json"),
        {
            "settings": _settings(result),
            "final_w2": [
                {"gamma": _number(gamma), **_interval(mean_interval(final[arm].tolist()))}
                for arm, gamma in enumerate(result.settings.gammas)
            ],
            "final_w2_is": f"mean over seeds of the last {LAST} generations, 95 % t interval",
            "fall_between_neighbouring_gammas": order_by_gamma(result),
            "contraction": contraction_table(contraction),
        },
    )
    return [stem.with_suffix(".csv"), stem.with_suffix(".json")]


def contraction_table(contraction: Contraction) -> list[dict[str, Any]]:
    """Tabulate the measured factor, the Gaussian's own and the theorem's bound for each λ and γ."""
    return [
        {
            "lambda": float(ratio),
            "gamma": _number(gamma),
            "measured": _interval(mean_interval(contraction.factors[row, arm].tolist())),
            "gaussian_factor": float(gaussian_factor(ratio, gamma)),
            "theorem_bound": _number(float(rho(ratio, gamma))),
            "theorem_applies": bool(ratio < border(gamma)),
        }
        for row, ratio in enumerate(contraction.ratios)
        for arm, gamma in enumerate(contraction.gammas)
    ]


def write_map(stem: Path, maps: Sequence[StabilityMap]) -> list[Path]:
    """Write the stability maps: `<stem>.csv` (one row a λ and γ) and `<stem>.json` (settings)."""
    rows = (
        [each.settings.mixing, each.settings.correction, float(ratio), float(gamma)]
        + [float(value) for value in band(each.distance[row, column])]
        + [float(each.change[row, column]), bool(ratio < border(gamma))]
        for each in maps
        for row, ratio in enumerate(each.ratios)
        for column, gamma in enumerate(each.gammas)
    )
    header = ["mixing", "correction", "lambda", "gamma", "w2_median", "w2_low", "w2_high"]
    _write_csv(stem.with_suffix(".csv"), [*header, "w2_over_generation_0", "inside_border"], rows)
    described = [
        {
            "settings": _settings(each),
            "w2_generation_0": _interval(mean_interval(each.start.tolist())),
        }
        for each in maps
    ]
    write_json(stem.with_suffix(".json"), described)
    return [stem.with_suffix(".csv"), stem.with_suffix(".json")]


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def _settings(result: GaussianResult | StabilityMap) -> dict[str, Any]:
    values = asdict(result.settings)
    return values | {"gammas": [_number(gamma) for gamma in values["gammas"]]}


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.value, "low": interval.low, "high": interval.high}


def _number(value: float) -> float | str:
    """Return a number as JSON can hold it, infinity as a word."""
    return float(value) if np.isfinite(value) else "inf"
