// Calls all three RPCs of a running gateway with @grpc/grpc-js and prints what it was told, as one JSON object.
//
// Usage: node client.js HOST:PORT INCLUDE_DIR...
// The schemas are loaded from the include folders as they are; nothing is generated.
"use strict";

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const protobuf = require("protobufjs");
const path = require("node:path");
const fs = require("node:fs");

const [address, ...includeDirs] = process.argv.slice(2);

function rootOf(...files) {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    includeDirs.map((dir) => path.join(dir, target)).find((file) => fs.existsSync(file)) ?? target;
  root.loadSync(files);
  root.resolveAll();
  return root;
}

const definition = loader.loadSync("healthcode/interop/v1/verification_service.proto", {
  includeDirs,
  keepCase: true,
  enums: String,
  longs: String,
  oneofs: true,
});
const { VerificationService } = grpc.loadPackageDefinition(definition).healthcode.interop.v1;
const google = rootOf("google/rpc/status.proto", "google/rpc/error_details.proto");
const client = new VerificationService(address, grpc.credentials.createInsecure());
const deadline = () => ({ deadline: Date.now() + 30_000 });

const context = {
  purpose: "PURPOSE_TRANSPORT_ARRIVAL",
  receiving_division: "330100",
  disclosure_profile: "DISCLOSURE_PROFILE_STAFF",
};

/** What an error says: its code, its text, and its typed details by name. */
function told(error) {
  const [raw] = error.metadata.get("grpc-status-details-bin");
  const answer = { code: grpc.status[error.code], text: error.details, details: {} };
  if (raw === undefined) return answer;
  const status = google.lookupType("google.rpc.Status").decode(raw);
  answer.status = { code: status.code, message: status.message };
  for (const packed of status.details) {
    const type = google.lookupType(packed.type_url.split("/").pop());
    answer.details[type.name] = type.toObject(type.decode(packed.value), { longs: String });
  }
  return answer;
}

function unary(method, request) {
  return new Promise((resolve) => {
    client[method](request, deadline(), (error, answer) => resolve(error ? { error: told(error) } : answer));
  });
}

function stream(requests) {
  return new Promise((resolve) => {
    const answers = [];
    const call = client.StreamVerifications(deadline());
    call.on("data", (answer) => answers.push(answer));
    call.on("error", (error) => resolve({ answers, error: told(error) }));
    call.on("end", () => resolve({ answers }));
    requests.forEach((request) => call.write(request));
    call.end();
  });
}

async function main() {
  const item = (text, request_id) => ({ code: Buffer.from(text), request_id });
  const said = {
    unary: await unary("VerifyCode", { context, ...item("green:guizhou", "r-1"), receipt_requested: true }),
    gate: await unary("VerifyCode", { context: { ...context, disclosure_profile: 0 }, ...item("green:guizhou", "") }),
    batch: await unary("VerifyCodes", {
      context,
      items: [item("green:a", "1"), item("", "2"), { code: Buffer.alloc(40_000), request_id: "3" }, item("junk", "4")],
    }),
    stream: await stream([{ context, item: item("green:1", "1") }, { item: item("green:2", "2") }]),
    no_purpose: await unary("VerifyCode", { context: { ...context, purpose: 0 }, ...item("green:a", "") }),
    bad_item: await unary("VerifyCodes", { context, items: [item("a", ""), item("b", "no spaces")] }),
    no_context: await stream([{ item: item("green:1", "1") }]),
    late_error: await stream([{ context, item: item("green:1", "1") }, {}]),
    bug: await unary("VerifyCode", { context, ...item("bug", "") }),
    not_ready: await unary("VerifyCode", { context, ...item("not ready", "") }),
    too_large: await unary("VerifyCode", { context, code: Buffer.alloc(4 * 1024 * 1024 + 1) }),
  };
  client.close();
  process.stdout.write(JSON.stringify(said));
}

main();
