-- Creates the database and its owner. Run it once, as a superuser: psql -v ON_ERROR_STOP=1 -f create.sql
-- The owner may create roles, because `authsession migrate` creates the roles of the two services.
-- Set the owner's password afterwards, so that no file holds it: \password authsession_owner
create role authsession_owner login createrole;
create database authsession owner authsession_owner encoding 'UTF8' template template0;
