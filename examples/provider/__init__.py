"""A stand-in for a provider of models, to try connections without an account (`python -m examples.provider`)."""
