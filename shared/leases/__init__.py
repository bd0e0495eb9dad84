"""Leases, by which only one process at a time does a job, such as keeping the projection or sealing the audit trail."""
