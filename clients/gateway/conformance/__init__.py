"""Conformance kit for gateways in any language: golden data, and scenarios on a Redis that it empties.

`python -m clients.gateway.conformance --redis HOST:PORT -- PROGRAM …` runs the program and talks to it in JSON lines.
"""
