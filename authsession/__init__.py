"""The command line: everything that an operator runs by hand.

`up` starts the two services as processes of their own, and never runs one inside its own process. Other commands
import the services' settings, domain and store packages, so that a rule or a statement is written once.
"""
