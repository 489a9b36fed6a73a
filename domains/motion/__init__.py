"""The human motion experiment."""
