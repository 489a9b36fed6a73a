"""Skeletons as data, and readers of body-model files; the user's licensed files land in its folders."""
