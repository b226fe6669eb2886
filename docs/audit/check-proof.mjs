// Checks a proof of inclusion with nothing but Node: node check-proof.mjs PROOF VKEY [ENTRY]
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [file, vkey, entryFile] = process.argv.slice(2);
const refuse = (why) => { console.error(why); process.exit(1); };
const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const [name, id, encoded] = vkey.split(/\+(.{8})\+/);
const key = Buffer.from(encoded, "base64").subarray(1);
const text = readFileSync(file, "utf8");
const end = text.indexOf("\n\n"), body = text.lastIndexOf("\n\n");
const lines = text.slice(0, end).split("\n"), signed = text.slice(end + 2, body + 1);
if (lines.shift() !== "c2sp.org/tlog-proof@v1") refuse("form");
const carried = lines[0].startsWith("extra ") ? Buffer.from(lines.shift().slice(6), "base64") : null;
const index = BigInt(lines.shift().slice(6)), path = lines.map((line) => Buffer.from(line, "base64"));
const [origin, size, root] = signed.split("\n");
const line = text.slice(body + 2).split("\n").find((one) => one.startsWith(`\u2014 ${name} `)) ?? refuse("key");
const signature = Buffer.from(line.split(" ")[2], "base64");
const jwk = { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") };
if (signature.subarray(0, 4).toString("hex") !== id || origin !== name) refuse("key");
if (!verify(null, Buffer.from(signed), createPublicKey({ key: jwk, format: "jwk" }), signature.subarray(4))) refuse("signature");
const entry = entryFile ? readFileSync(entryFile) : carried ?? refuse("entry");
let node = index, last = BigInt(size) - 1n, found = hash(Buffer.of(0), entry);
for (const sibling of path) { // RFC 9162, 2.1.3.2
  if (last === 0n) refuse("path");
  const left = node & 1n || node === last;
  found = left ? hash(Buffer.of(1), sibling, found) : hash(Buffer.of(1), found, sibling);
  while (left && !(node & 1n) && node) { node >>= 1n; last >>= 1n; }
  node >>= 1n; last >>= 1n;
}
if (index >= BigInt(size) || last !== 0n || !found.equals(Buffer.from(root, "base64"))) refuse("path");
console.log(entry.toString());
