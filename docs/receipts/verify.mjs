// Checks a receipt with nothing but Node: node verify.mjs RECEIPT jwks.json CALLER [CODE SALT]
import { createHash, createPublicKey, createVerify, getCurves, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [receipt, jwks, caller, code, salt] = process.argv.slice(2);
const bytes = (text) => Buffer.from(text, "base64url");
const json = (text) => JSON.parse(bytes(text).toString());
const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const refuse = (why, status = 1) => { console.error(why); process.exit(status); };
const [token, payload, index, path] = receipt.split("~");
const [head, body, signature] = token.split(".");
const header = json(head), signed = json(body), claims = payload ? json(payload) : signed;
if (header.typ !== (payload ? "hcgw-receipt-root+jwt" : "hcgw-receipt+jwt")) refuse("typ");
const key = JSON.parse(readFileSync(jwks)).keys.find((one) => one.kid === header.kid) ?? refuse("kid");
if (key.crv === "SM2" && !getCurves().includes("SM2")) refuse("no_sm2", 3); // a Node built without it cannot tell
const good = key.crv === "SM2" ? sm2(`${head}.${body}`, bytes(signature)) : verify(key.kty === "EC" ? "sha256" : null,
  `${head}.${body}`, { key: createPublicKey({ key, format: "jwk" }), dsaEncoding: "ieee-p1363" }, bytes(signature));
if (!good) refuse("signature");
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

// GB/T 32918.2: SM3(Z || M) is what is signed. Node cannot be told the ID in Z, so Z is made here; it reads no SM2 JWK and
// no r || s either, so both are written in DER: of the key all but the point is constant.
function sm2(text, raw) {
  if (key.sm2?.z !== true || key.sm2.signature !== "raw" || raw.length !== 64) return false;
  const hex = (digits) => Buffer.from(digits, "hex"), point = Buffer.concat([bytes(key.x), bytes(key.y)]);
  const id = Buffer.from(key.sm2.id), bits = Buffer.alloc(2);
  bits.writeUInt16BE(8 * id.length);
  const curve = hex("fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc" + // a, b and the base point
    "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93" +
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7" +
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0");
  const z = createHash("sm3").update(Buffer.concat([bits, id, curve, point])).digest();
  const integer = (half) => {
    while (half.length > 1 && !half[0]) half = half.subarray(1);
    return Buffer.concat([Buffer.of(2, half.length + (half[0] >> 7)), Buffer.alloc(half[0] >> 7), half]);
  };
  const both = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  const spki = Buffer.concat([hex("3059301306072a8648ce3d020106082a811ccf5501822d03420004"), point]);
  return createVerify("sm3").update(z).update(text)
    .verify(createPublicKey({ key: spki, format: "der", type: "spki" }), Buffer.concat([Buffer.of(48, both.length), both]));
}
