"""Conformance kit for clients in any language: golden data, and a server on loopback that behaves badly.

`python -m clients.js.conformance -- PROGRAM …` runs the program and talks to it in JSON lines.
"""
