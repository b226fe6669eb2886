// Checks a receipt with nothing but Node: node verify.mjs RECEIPT jwks.json CALLER [CODE SALT]
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [receipt, jwks, caller, code, salt] = process.argv.slice(2);
const bytes = (text) => Buffer.from(text, "base64url");
const json = (text) => JSON.parse(bytes(text).toString());
const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const refuse = (why) => { console.error(why); process.exit(1); };
const [token, payload, index, path] = receipt.split("~");
const [head, body, signature] = token.split(".");
const header = json(head), signed = json(body), claims = payload ? json(payload) : signed;
if (header.typ !== (payload ? "hcgw-receipt-root+jwt" : "hcgw-receipt+jwt")) refuse("typ");
const key = JSON.parse(readFileSync(jwks)).keys.find((one) => one.kid === header.kid) ?? refuse("kid");
const how = { key: createPublicKey({ key, format: "jwk" }), dsaEncoding: "ieee-p1363" };
if (!verify(key.kty === "EC" ? "sha256" : null, `${head}.${body}`, how, bytes(signature))) refuse("signature");
if (payload) { // RFC 9162, 2.1.3.2
  let node = Number(index), last = signed.size - 1, found = hash(Buffer.of(0), bytes(payload));
  for (let rest = bytes(path); rest.length; rest = rest.subarray(32), node >>>= 1, last >>>= 1) {
    const left = node & 1 || node === last, sibling = rest.subarray(0, 32);
    found = left ? hash(Buffer.of(1), sibling, found) : hash(Buffer.of(1), found, sibling);
    while (left && !(node & 1) && node) { node >>>= 1; last >>>= 1; }
  }
  if (last !== 0 || Number(index) >= signed.size || !found.equals(bytes(signed.root))) refuse("proof");
}
const now = Date.now() / 1000;
for (const one of [claims, signed]) if (one.aud !== caller || one.iss !== signed.iss || now >= one.exp) refuse("claims");
const digest = code && hash(Buffer.from("hcgw-receipt-code-v1\0"), bytes(salt), Buffer.from(code));
if (code && !digest.equals(bytes(claims.code_digest))) refuse("code");
console.log(JSON.stringify(claims));
