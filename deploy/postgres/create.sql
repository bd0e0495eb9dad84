-- The database and its owner. Run once, as a superuser: psql -v ON_ERROR_STOP=1 -f create.sql
-- The owner may create roles, because `authsession migrate` makes the roles of the two services.
-- Set the owner's password afterwards, so that it stands in no file: \password authsession_owner
create role authsession_owner login createrole;
create database authsession owner authsession_owner encoding 'UTF8' template template0;
