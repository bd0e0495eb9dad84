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
