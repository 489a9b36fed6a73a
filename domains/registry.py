"""The domains that come along. A user's own needs no entry: `--domain my_module:MyDomain`."""

from __future__ import annotations

from loop.registry import Entry, Registry

DOMAINS = Registry(
    "domain",
    {
        "gaussian": Entry(
            "domains.gaussian.domain:one_gaussian", "2-D Gaussian fitted by maximum likelihood"
        ),
        "mnist": Entry("domains.mnist.domain:digits", "diffusion model of MNIST digits"),
        "motion": Entry(
            "domains.motion.domain:motions", "MDM text-to-motion model, corrected by physics"
        ),
    },
)
