-- The largest prompt of an agent that may be published.

alter table settings
    add max_prompt_tokens integer not null default 100000 check (max_prompt_tokens between 1000 and 1000000);
