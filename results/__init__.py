"""Evidence: each folder holds the data and the code that made them."""
