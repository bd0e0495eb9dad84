-- How many versions of a secret are kept.

alter table settings
    add secret_versions_kept integer not null default 10 check (secret_versions_kept between 2 and 100);
