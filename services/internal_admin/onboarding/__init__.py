"""Onboarding: the steps that the owner takes after the first login."""
