// A Jest environment: `testEnvironment: "pgassay-test/jest"`, or withPgassay(Base) over one of your own. Opens a scope on
// pgassay's control socket for each test; beforeEach, the test and afterEach are told apart.
"use strict";

const { Control } = require("./control.js");

let control; // one per worker process, whatever the number of test files

function namesOf(test) {
  const names = [test.name];
  for (let block = test.parent; block?.parent; block = block.parent) names.unshift(block.name);
  return names;
}

function outcomeOf(test) {
  if (test.errors.length > 0) return "failed";
  return test.status === "skip" || test.mode === "skip" || test.mode === "todo" ? "skipped" : "passed";
}

function withPgassay(Base) {
  return class extends Base {
    constructor(config, context) {
      super(config, context);
      this.pgassayFile = context.testPath;
    }

    async handleTestEvent(event, state) {
      await super.handleTestEvent?.(event, state);
      control ??= new Control();
      if (event.name === "test_start") await control.open(this.pgassayFile, namesOf(event.test), "setup");
      if (event.name === "test_fn_start") await control.say("phase", { phase: "call" });
      if (event.name === "test_fn_success" || event.name === "test_fn_failure") await control.say("phase", { phase: "teardown" });
      if (event.name === "test_done") await control.say("close", { outcome: outcomeOf(event.test) });
    }
  };
}

// Jest asks for a class; its node environment is the project's, not ours.
function nodeEnvironment() {
  return require(require.resolve("jest-environment-node", { paths: [process.cwd(), __dirname] })).TestEnvironment;
}

module.exports = withPgassay(nodeEnvironment());
module.exports.withPgassay = withPgassay;
