// Runs tests one after another, each with a client of its own, and prints the line "N passed, N failed".
'use strict';

const tests = [];

exports.test = (name, body) => tests.push({name, body});

// Returns the exit status.
exports.run = async (makeClient, address) => {
  let failed = 0;
  for (const {name, body} of tests) {
    const client = makeClient();
    try {
      await body(client, address);
    } catch (error) {
      ++failed;
      console.log(`${name}: FAILED\n${error.stack}`);
    } finally {
      client.close();
    }
  }
  console.log(`${tests.length - failed} passed, ${failed} failed`);
  return failed === 0 && tests.length > 0 ? 0 : 1;
};
