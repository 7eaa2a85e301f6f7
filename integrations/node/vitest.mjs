// A Vitest runner: `test: { runner: "pgassay-test/vitest" }`. Opens a scope on pgassay's control socket for each test;
// beforeEach, the test and afterEach are told apart. REQUIRES: pool "forks" (Vitest's default): threads of one process
// cannot be told apart; and no test.concurrent, for the same reason.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { Control } = createRequire(import.meta.url)("./control.js");
// Vitest is the project's, not ours.
const fromProject = createRequire(pathToFileURL(`${process.cwd()}/package.json`));
const ofVitest = (part) => import(pathToFileURL(fromProject.resolve(`vitest/${part}`)).href);
const { VitestTestRunner } = await ofVitest("runners");
const { getFn } = await ofVitest("suite");

const control = new Control();

function namesOf(test) {
  const names = [test.name];
  for (let suite = test.suite; suite; suite = suite.suite) names.unshift(suite.name);
  return names;
}

export default class extends VitestTestRunner {
  async onBeforeTryTask(test, ...more) {
    await control.open(test.file.filepath, namesOf(test), "setup");
    await super.onBeforeTryTask?.(test, ...more);
  }

  async runTask(test) {
    await control.say("phase", { phase: "call" });
    try {
      await (super.runTask ? super.runTask(test) : getFn(test)());
    } finally {
      await control.say("phase", { phase: "teardown" });
    }
  }

  async onAfterRunTask(test, ...more) {
    await super.onAfterRunTask?.(test, ...more);
    await control.say("close", { outcome: { pass: "passed", fail: "failed" }[test.result?.state] ?? "skipped" });
  }
}
