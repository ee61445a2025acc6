// Between two looks at a stack or at a change set, the CDK CLI waits for 5 seconds. No option changes
// that, and the local cloud needs a second for most deployments. Every other time stays as it is.
const { setTimeout } = globalThis;

globalThis.setTimeout = (callback, delay, ...rest) =>
  setTimeout(callback, delay === 5000 ? 500 : delay, ...rest);
