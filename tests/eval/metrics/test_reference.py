"""One pass against many: the same numbers as the single metrics, and as two other libraries."""

from __future__ import annotations

import numpy as np
import ot
import pytest
from prdc import compute_prdc

from eval.metrics.frechet import fid
from eval.metrics.neighbours import verdicts
from eval.metrics.reference import Reference
from loop.errors import InvalidSamplesError


def _two_sets() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(120, 6)), 0.3 + rng.normal(size=(90, 6)) * np.linspace(0.5, 1.5, 6)


def test_fid_against_the_bures_distance_of_pot() -> None:
    real, generated = _two_sets()
    covariances = [np.cov(table, rowvar=False) for table in (real, generated)]
    expected = ot.gaussian.bures_wasserstein_distance(real.mean(0), generated.mean(0), *covariances)
    assert Reference(real).fid(generated) == pytest.approx(float(expected) ** 2, rel=1e-6)
    assert Reference(real).fid(generated) == pytest.approx(fid(generated, real), rel=1e-12)


@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0])
def test_fidelity_against_prdc_and_the_single_metrics(scale: float) -> None:
    real, generated = _two_sets()
    generated = scale * generated
    found = Reference(real).fidelity(generated)
    three, five = (compute_prdc(real, generated, nearest_k=k) for k in (3, 5))
    assert (found.precision, found.recall) == pytest.approx((three["precision"], three["recall"]))
    assert (found.density, found.coverage) == pytest.approx((five["density"], five["coverage"]))
    single = verdicts(real, generated)
    assert (found.precision, found.recall) == (single.precision.mean(), single.recall.mean())
    assert found.density == pytest.approx(single.density.mean(), rel=1e-12)
    assert found.coverage == single.coverage.mean()


def test_neighbour_metrics_can_see_fewer_rows_than_fid() -> None:
    real, generated = _two_sets()
    reference = Reference(real, neighbours=50)
    assert reference.fidelity(generated).recall == verdicts(real[:50], generated).recall.mean()
    assert reference.fid(generated) == pytest.approx(fid(generated, real), rel=1e-12)


def test_bad_input_is_refused() -> None:
    real, generated = _two_sets()
    with pytest.raises(InvalidSamplesError, match="different width"):
        Reference(real).fid(generated[:, :4])
    with pytest.raises(InvalidSamplesError, match="too few"):
        Reference(real[:5])
