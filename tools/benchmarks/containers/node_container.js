// A Lambda container like python_container.py: node node_container.js <file> <function>
const fs = require("fs");
const https = require("https");
const readline = require("readline");

// The CDK's handlers ignore the port of a response URL.
https.globalAgent.defaultPort = Number(process.env.RESPONSE_PORT);
// stdout is for the outcomes.
console.log = console.info = console.debug = () => {};

const context = {
  getRemainingTimeInMillis: () => 240000,
  logStreamName: "bench",
  functionName: "bench",
  awsRequestId: "6e525b1d-7b82-43bc-84ec-869d81a41d4a",
};
let handle;
(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const event = JSON.parse(line);
    const started = process.hrtime.bigint();
    handle = handle || require(process.argv[2])[process.argv[3]];
    await handle(event, context);
    const outcome = {
      seconds: Number(process.hrtime.bigint() - started) / 1e9,
      peak_kib: Number(fs.readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s*(\d+)/)[1]),
    };
    process.stdout.write(JSON.stringify(outcome) + "\n");
  }
  process.exit(0);
})();
