// dcc-utils 0.4.0 as a rival; runs with Node in a folder of its own. Usage: node dcc_utils_driver.cjs FOLDER VARIANT
//
// Measured is its way from the text to the signature with the key given: `raw-key` is checkSignature (the elliptic
// package, the point ready parsed), `keys-list` is checkSignatureWithKeysList (WebCrypto).
'use strict';

const path = require('path');
const readline = require('readline');

const [folder, variant] = process.argv.slice(2);
const { DCC } = require(path.join(folder, 'node_modules', 'dcc-utils'));

const WEBCRYPTO = { name: 'ECDSA', namedCurve: 'P-256', hash: { name: 'SHA-256' } };

async function verify(item, list) {
  const dcc = await DCC.fromRaw(item.code);
  if (variant === 'keys-list') return (await dcc.checkSignatureWithKeysList(list)) !== false;
  await dcc.checkSignature(item.key);
  return true;
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const { codes } = JSON.parse((await lines.next()).value);
  const list = {};
  for (const item of codes) {
    item.key = { x: Buffer.from(item.x, 'hex'), y: Buffer.from(item.y, 'hex') };
    list[item.kid] = { publicKeyPem: item.spki, publicKeyAlgorithm: WEBCRYPTO };
  }
  const accepted = [];
  for (const [at, item] of codes.entries()) {
    try {
      if (await verify(item, list)) accepted.push(at);
    } catch (error) {
      process.stderr.write(`${error.name}\n`);
    }
  }
  answer({ accepted });
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    const { round } = JSON.parse(line);
    const start = process.cpuUsage();
    for (const at of round) await verify(codes[at], list);
    const { user, system } = process.cpuUsage(start);
    answer({ cpu: (user + system) / 1e6 });
  }
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

main();
