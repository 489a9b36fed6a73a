"""The MNIST evidence: its plan, tables and figures, beside its data."""
