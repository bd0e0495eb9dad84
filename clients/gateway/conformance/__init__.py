"""What any gateway can be held to, in whatever language: golden data, and scenarios on a Redis of its own.

`python -m clients.gateway.conformance --redis HOST:PORT -- PROGRAM …` runs the program and talks to it in JSON lines.
"""
