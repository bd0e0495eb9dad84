-- Lock order: emails, then invitations, then letters.

-- name: read_invited_address
-- Everything that the decision about an invitation of :email needs. Run it holding the address' `emails` row.
select now.instant as now,
       exists (select from blocks b
                where b.email_id = :email_id and (b.expires_at is null or b.expires_at > now.instant))
       or is_email_domain_refused(:email, blocked_email_domains, allowed_email_domains) as is_blocked,
       exists (select from users where email_id = :email_id) as has_user,
       invitations.invitation_id, invitations.expires_at,
       exists (select from letters where email_id = :email_id and kind = 'invitation' and state = 'queued')
           as is_letter_waiting
  from (select clock_now() as instant) as now
 cross join settings
  left join invitations on invitations.email_id = :email_id;

-- name: write_invitation
-- Invites an address, or renews its invitation. Locks: invitations.
insert into invitations (invitation_id, email_id, email, created_by, created_at, expires_at)
values (:invitation_id, :email_id, :email, :created_by, clock_now(), :expires_at)
on conflict (email_id) do update
   set email = excluded.email, created_by = excluded.created_by, created_at = excluded.created_at,
       expires_at = excluded.expires_at;

-- name: queue_letter
-- Queues the letter that tells of an invitation. It is not sent after the invitation's end. Locks: letters.
insert into letters (letter_id, kind, email_id, email, locale, queued_at, next_attempt_at, expires_at)
values (:letter_id, 'invitation', :email_id, :email, :locale, clock_now(), clock_now(), :expires_at);

-- name: lock_invited_email
-- The row of the invited address; its version rises. No row: there is no such invitation. Locks: emails.
update emails set version = version + 1
  from invitations
 where invitations.invitation_id = :invitation_id and emails.email_id = invitations.email_id
returning emails.email_id;

-- name: delete_invitation
-- Removes an invitation. No row: it was removed meanwhile. Locks: invitations.
delete from invitations where invitation_id = :invitation_id returning true;

-- name: delete_waiting_letters
-- Removes the letters of the address' invitation that wait. Locks: letters.
delete from letters where email_id = :email_id and kind = 'invitation' and state = 'queued';

-- name: list_invitations
-- Invitations, newest first, after :after_invitation_id (null: from the newest on), at most :limit.
select invitation_id, email, created_by, created_at, expires_at,
       case when exists (select from users where users.email_id = invitations.email_id) then 'accepted'
            when expires_at <= clock_now() then 'expired' else 'open' end as status
  from invitations
 where :after_invitation_id::text is null or invitation_id < :after_invitation_id
 order by invitation_id desc
 limit :limit;
