"""Hostile networks besiege one address: which owners get in, how many guesses are compared, how many mails arrive."""
