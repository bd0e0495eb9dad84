"""A collector that prints what it gets: `python -m examples.collector`, OTLP over HTTP on 127.0.0.1:4318."""
