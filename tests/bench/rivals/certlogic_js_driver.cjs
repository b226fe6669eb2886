// certlogic-js 1.2.2 as a rival; runs with Node in a folder of its own. Usage: node certlogic_js_driver.cjs FOLDER
//
// Measured is one call for each test, as its users call it: it has no way to compile a rule beforehand. The bench asks
// for rounds that do not count first, so that V8 has compiled what it calls often.
'use strict';

const path = require('path');
const readline = require('readline');

const { evaluate } = require(path.join(process.argv[2], 'node_modules', 'certlogic-js'));

async function main() {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const work = [];
  for (const rule of JSON.parse((await lines.next()).value).rules) {
    for (const [data, expected] of rule.tests) work.push({ logic: rule.logic, data, expected });
  }
  const right = [];
  for (const [at, { logic, data, expected }] of work.entries()) {
    try {
      if (evaluate(logic, data) === expected) right.push(at);
    } catch (error) {
      process.stderr.write(`${error.name}\n`);
    }
  }
  answer({ right });
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    const { round, times } = JSON.parse(line);
    const chosen = round.map((at) => work[at]);
    const start = process.cpuUsage();
    for (let turn = 0; turn < times; turn += 1) {
      for (const { logic, data } of chosen) evaluate(logic, data);
    }
    const { user, system } = process.cpuUsage(start);
    answer({ cpu: (user + system) / 1e6 });
  }
}

function answer(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

main();
