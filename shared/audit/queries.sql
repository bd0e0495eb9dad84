-- name: insert_audit_event
-- One row of the trail, at the instant of Postgres' clock. Goes into the transaction of the change that it records.
insert into audit_events (occurred_at, event, outcome, caller, actor_type, actor_id, network, request_id, subject,
                          reason_code, details)
values (clock_now(), :event, :outcome, :caller, :actor_type, :actor_id, :network, :request_id, :subject, :reason_code, :details);
