"""This system beside better-auth and django-allauth, on one machine and one Postgres: `python -m bench.peers`.

The peers are installed into `.peers/` (not in git) when this is asked for, and never otherwise.
"""
