"""The self-consuming loop, once, for every domain: it knows no network, no simulator, no data."""
