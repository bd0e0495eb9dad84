-- name: read_mailbox
-- Mails of the stub transport to an address, in any case of its letters, while their codes live; newest first.
select mail_deliveries.email, mail_deliveries.locale, mail_deliveries.challenge_id, mail_deliveries.finished_at as sent_at,
       login_codes.login_code_id, login_codes.sealed_code, login_codes.seal_key_id
  from emails
  join mail_deliveries using (email_id)
  join login_codes on login_codes.login_code_id = mail_deliveries.login_code_id
 where emails.folded = :folded and mail_deliveries.state = 'sent'
   and login_codes.sealed_code is not null and login_codes.expires_at > clock_now()
 order by mail_deliveries.finished_at desc, mail_deliveries.delivery_id desc;

-- name: read_letters
-- Letters without a code that the stub transport kept for an address, in any case of its letters; newest first.
select letters.letter_id, letters.kind, letters.email, letters.locale, letters.device_session_id, letters.label,
       letters.finished_at as sent_at, letters.sealed_token, letters.seal_key_id
  from emails
  join letters using (email_id)
 where emails.folded = :folded and letters.state = 'sent' and letters.is_kept
 order by letters.queued_at desc, letters.letter_id desc limit 100;
