-- The tables of the generated catalogue: names and columns as in Sakila, so that the shop cannot tell which one it reads.

CREATE TYPE mpaa_rating AS ENUM ('G', 'PG', 'PG-13', 'R', 'NC-17');

CREATE TABLE language (
  language_id serial PRIMARY KEY,
  name character(20) NOT NULL,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE category (
  category_id serial PRIMARY KEY,
  name varchar(25) NOT NULL,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE country (
  country_id serial PRIMARY KEY,
  country varchar(50) NOT NULL,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE city (
  city_id serial PRIMARY KEY,
  city varchar(50) NOT NULL,
  country_id integer NOT NULL REFERENCES country,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE address (
  address_id serial PRIMARY KEY,
  address varchar(50) NOT NULL,
  district varchar(20) NOT NULL,
  city_id integer NOT NULL REFERENCES city,
  postal_code varchar(10),
  phone varchar(20) NOT NULL,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE store (
  store_id serial PRIMARY KEY,
  address_id integer NOT NULL REFERENCES address,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE staff (
  staff_id serial PRIMARY KEY,
  first_name varchar(45) NOT NULL,
  last_name varchar(45) NOT NULL,
  store_id integer NOT NULL REFERENCES store,
  username varchar(16) NOT NULL,
  active boolean NOT NULL DEFAULT true,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE customer (
  customer_id serial PRIMARY KEY,
  store_id integer NOT NULL REFERENCES store,
  first_name varchar(45) NOT NULL,
  last_name varchar(45) NOT NULL,
  email varchar(50),
  address_id integer NOT NULL REFERENCES address,
  activebool boolean NOT NULL DEFAULT true,
  create_date date NOT NULL DEFAULT current_date,
  last_update timestamp DEFAULT now(),
  active integer
);

CREATE TABLE film (
  film_id serial PRIMARY KEY,
  title varchar(255) NOT NULL,
  description text,
  release_year integer,
  language_id integer NOT NULL REFERENCES language,
  rental_duration smallint NOT NULL DEFAULT 3,
  rental_rate numeric(4, 2) NOT NULL DEFAULT 4.99,
  length smallint,
  replacement_cost numeric(5, 2) NOT NULL DEFAULT 19.99,
  rating mpaa_rating DEFAULT 'G',
  last_update timestamp NOT NULL DEFAULT now(),
  special_features text[],
  fulltext tsvector NOT NULL
);

CREATE INDEX film_fulltext_idx ON film USING gist (fulltext);
CREATE TRIGGER film_fulltext_trigger BEFORE INSERT OR UPDATE ON film
  FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('fulltext', 'pg_catalog.english', 'title', 'description');

CREATE TABLE film_category (
  film_id integer NOT NULL REFERENCES film,
  category_id integer NOT NULL REFERENCES category,
  last_update timestamp NOT NULL DEFAULT now(),
  PRIMARY KEY (film_id, category_id)
);

CREATE TABLE inventory (
  inventory_id serial PRIMARY KEY,
  film_id integer NOT NULL REFERENCES film,
  store_id integer NOT NULL REFERENCES store,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE rental (
  rental_id serial PRIMARY KEY,
  rental_date timestamp NOT NULL,
  inventory_id integer NOT NULL REFERENCES inventory,
  customer_id integer NOT NULL REFERENCES customer,
  return_date timestamp,
  staff_id integer NOT NULL REFERENCES staff,
  last_update timestamp NOT NULL DEFAULT now()
);

CREATE TABLE payment (
  payment_id serial PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customer,
  staff_id integer NOT NULL REFERENCES staff,
  rental_id integer NOT NULL REFERENCES rental,
  amount numeric(5, 2) NOT NULL,
  payment_date timestamp NOT NULL
);

CREATE INDEX customer_email_idx ON customer (lower(email));
CREATE INDEX rental_customer_idx ON rental (customer_id);
CREATE INDEX payment_customer_idx ON payment (customer_id);
