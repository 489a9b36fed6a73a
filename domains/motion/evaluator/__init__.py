"""The text-motion evaluators, trained and published."""
