// N+1 queries in setup, call and teardown: each phase asks its own table. The same file for Jest and Vitest (with globals).
const { Client } = require("pg");

let client;

async function ask(table) {
  const { rows } = await client.query("SELECT id FROM authors ORDER BY id");
  for (const { id } of rows) await client.query(`SELECT title FROM ${table} WHERE author_id = $1`, [id]);
}

beforeEach(async () => {
  client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  await ask("in_setup");
});

afterEach(async () => {
  await ask("in_teardown");
  await client.end();
});

describe("phases", () => {
  test("passes & is named", async () => {
    await ask("in_call");
  });

  test("fails", async () => {
    await ask("in_call");
    throw new Error("as it should");
  });
});
