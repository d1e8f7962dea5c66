-- For MySQL or MariaDB in place of PostgreSQL (type = mysql, ssl_mode = true). Put in a password of your own.
CREATE DATABASE grafana CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER 'grafana'@'%' IDENTIFIED BY 'put in a password';
GRANT ALL PRIVILEGES ON grafana.* TO 'grafana'@'%';
