"""The MNIST experiment."""
