-- name: insert_audit_event
-- Appends a row at the instant of Postgres' clock, in the transaction of the change that the row records.
insert into audit_events (occurred_at, event, outcome, caller, actor_type, actor_id, network, request_id, subject,
                          reason_code, details)
values (clock_now(), :event, :outcome, :caller, :actor_type, :actor_id, :network, :request_id, :subject, :reason_code, :details);
