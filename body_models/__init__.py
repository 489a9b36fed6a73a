"""Skeletons as data, readers of body-model files, and the user's licensed files in its folders."""
