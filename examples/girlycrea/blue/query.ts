import { type BlueAccess, ssh } from "./access.ts";

/** Runs a query on blue's database as its administrator, over ssh; rows of text columns. */
async function queryBlue(access: BlueAccess, sql: string): Promise<string[][]> {
  // Through standard input: the statement is not part of any command line.
  const output = await ssh(access, "runuser -u postgres -- psql -qAtX -F '\t' -v ON_ERROR_STOP=1 -d girlycrea", sql);
  return output
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t"));
}

/** Exact row counts of every table in schema public; partitions and children count for themselves. */
export async function countRows(access: BlueAccess): Promise<Map<string, number>> {
  const rows = await queryBlue(
    access,
    `SELECT relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM ONLY public.%I', relname), true, true, '')))[1]
     FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname;`,
  );
  return new Map(rows.map(([table = "", count]) => [table, Number(count)]));
}

/** Tokens of every order blue's database knows. */
export async function orderTokens(access: BlueAccess): Promise<Set<string>> {
  const rows = await queryBlue(access, "SELECT token FROM shop_order;");
  return new Set(rows.map(([token = ""]) => token));
}
