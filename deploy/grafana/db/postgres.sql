-- psql -f postgres.sql -v password=…: role and database for Grafana, which makes its tables by itself. Start one node first.
CREATE ROLE grafana LOGIN PASSWORD :'password';
CREATE DATABASE grafana OWNER grafana ENCODING 'UTF8' TEMPLATE template0;
