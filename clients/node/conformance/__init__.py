"""Conformance kit for nodes in any language: golden data, and a control plane on loopback that behaves badly.

`python -m clients.node.conformance -- PROGRAM …` runs the program and talks to it in JSON lines.
"""
