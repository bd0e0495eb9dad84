"""Hostile networks besiege one address: who gets in, how many guesses are compared, how many mails arrive."""
