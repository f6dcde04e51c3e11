import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SeededRandom } from "./random.ts";
import * as words from "./words.ts";

const SEED = 20_070_115;
const FILMS = 1_000;
const CUSTOMERS = 600;
const COPIES = 4_000;
const RENTALS = 16_050;
const UPDATED = "2026-02-15 10:00:00";
const FIRST_DAY = Date.UTC(2025, 4, 24);

type Row = readonly (string | number | null)[];

/** SQL that creates and fills the catalogue; the same text on every call. Pipe it to `psql --single-transaction`. */
export async function generateCatalogue(): Promise<string> {
  const schema = await readFile(join(import.meta.dirname, "schema.sql"), "utf8");
  const random = new SeededRandom(SEED);
  const parts = [...lists(), ...places(random), ...products(random), ...trade(random)];
  return `${schema}\n${parts.join("\n")}\nANALYZE category, customer, film, inventory, payment, rental;\n`;
}

function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ");
}

/** One `COPY` block, with the sequence of its serial column moved behind the last row. */
function copy(table: string, columns: string[], rows: Row[]): string {
  const lines = rows.map((row) => row.map((value) => (value === null ? "\\N" : String(value))).join("\t"));
  const [key] = columns;
  const behind = key === `${table}_id` ? `SELECT setval('${table}_${key}_seq', ${rows.length});\n` : "";
  return `COPY ${table} (${columns.join(", ")}) FROM stdin;\n${lines.join("\n")}\n\\.\n${behind}`;
}

function times(count: number, row: (number: number) => Row): Row[] {
  return Array.from({ length: count }, (_, index) => row(index + 1));
}

function lists(): string[] {
  const named = (names: readonly string[]) => names.map((name, index) => [index + 1, name, UPDATED]);
  return [
    copy("language", ["language_id", "name", "last_update"], named(["English", "French", "German"])),
    copy("category", ["category_id", "name", "last_update"], named(words.CATEGORIES)),
    copy("country", ["country_id", "country", "last_update"], named(words.COUNTRIES)),
  ];
}

function places(random: SeededRandom): string[] {
  const cities = words.CITIES.map((city, index) => [
    index + 1,
    city,
    random.between(1, words.COUNTRIES.length),
    UPDATED,
  ]);
  const addresses = times(CUSTOMERS + 2, (id) => [
    id,
    `${random.between(1, 180)} ${random.pick(words.STREETS)}`,
    "Centre",
    random.between(1, words.CITIES.length),
    String(random.between(10_000, 99_999)),
    `0${random.between(100_000_000, 799_999_999)}`,
    UPDATED,
  ]);
  const customers = times(CUSTOMERS, (id) => {
    const first = random.pick(words.FIRST_NAMES);
    const last = random.pick(words.LAST_NAMES);
    const email = `${first}.${last}.${id}@example.test`.toLowerCase();
    return [id, random.between(1, 2), first, last, email, id + 2, "t", "2025-02-14", UPDATED, 1];
  });
  const staff = [
    [1, "Mike", "Hillyer", 1, "mike", "t", UPDATED],
    [2, "Jon", "Stephens", 2, "jon", "t", UPDATED],
  ];
  return [
    copy("city", ["city_id", "city", "country_id", "last_update"], cities),
    copy("address", ["address_id", "address", "district", "city_id", "postal_code", "phone", "last_update"], addresses),
    copy(
      "store",
      ["store_id", "address_id", "last_update"],
      [
        [1, 1, UPDATED],
        [2, 2, UPDATED],
      ],
    ),
    copy("staff", ["staff_id", "first_name", "last_name", "store_id", "username", "active", "last_update"], staff),
    copy(
      "customer",
      "customer_id store_id first_name last_name email address_id activebool create_date last_update active".split(" "),
      customers,
    ),
  ];
}

function products(random: SeededRandom): string[] {
  const films = times(FILMS, (id) => {
    const [colour, material, object] = [
      random.pick(words.COLOURS),
      random.pick(words.MATERIALS),
      random.pick(words.OBJECTS),
    ];
    const description = `A ${colour.toLowerCase()} ${object.toLowerCase()} of ${material.toLowerCase()}, number ${id} of the workshop`;
    const year = random.between(2015, 2025);
    const price = random.pick(["0.99", "2.99", "4.99", "9.99"]);
    const cost = `${random.between(9, 29)}.99`;
    const [rating, features] = [random.pick(words.RATINGS), random.pick(words.FEATURES)];
    const days = random.between(3, 7);
    const length = random.between(46, 185);
    // The trigger fills fulltext; the empty value only satisfies the column list.
    return [
      id,
      `${colour} ${material} ${object}`,
      description,
      year,
      1,
      days,
      price,
      length,
      cost,
      rating,
      UPDATED,
      features,
      "",
    ];
  });
  const categories = times(FILMS, (id) => [id, random.between(1, words.CATEGORIES.length), UPDATED]);
  const copies = times(COPIES, (id) => [id, ((id - 1) % FILMS) + 1, random.between(1, 2), UPDATED]);
  return [
    copy(
      "film",
      "film_id title description release_year language_id rental_duration rental_rate length replacement_cost rating last_update special_features fulltext".split(
        " ",
      ),
      films,
    ),
    copy("film_category", ["film_id", "category_id", "last_update"], categories),
    copy("inventory", ["inventory_id", "film_id", "store_id", "last_update"], copies),
  ];
}

function trade(random: SeededRandom): string[] {
  const payments: Row[] = [];
  const rentals = times(RENTALS, (id) => {
    const start = FIRST_DAY + id * 900_000 + random.between(0, 600) * 1_000;
    const customer = random.between(1, CUSTOMERS);
    const staff = random.between(1, 2);
    const returned = random.between(1, 50) === 1 ? null : timestamp(start + random.between(20, 200) * 3_600_000);
    payments.push([id, customer, staff, id, random.pick(["0.99", "2.99", "4.99", "9.99"]), timestamp(start)]);
    return [id, timestamp(start), random.between(1, COPIES), customer, returned, staff, UPDATED];
  });
  return [
    copy(
      "rental",
      ["rental_id", "rental_date", "inventory_id", "customer_id", "return_date", "staff_id", "last_update"],
      rentals,
    ),
    copy("payment", ["payment_id", "customer_id", "staff_id", "rental_id", "amount", "payment_date"], payments),
  ];
}
