// Checks JWTs with jose, which nobody of this project wrote.
//
// Usage: node receipts.js JWKS_FILE ISSUER AUDIENCE TYPE TOKEN...; prints the claims of each, or "refused CODE".
"use strict";

const { createLocalJWKSet, jwtVerify } = require("jose");
const fs = require("node:fs");

const [file, issuer, audience, typ, ...tokens] = process.argv.slice(2);
const keys = createLocalJWKSet(JSON.parse(fs.readFileSync(file, "utf8")));

async function main() {
  for (const token of tokens) {
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience, typ });
      console.log(JSON.stringify(payload));
    } catch (error) {
      console.log(`refused ${error.code}`);
    }
  }
}

main();
