"""The rules of secrets; pure."""
