// A browser vendor's first hour with modeld: Node's @grpc/grpc-js, the .proto files, and nothing of ours.
// Usage: node stock_client_test.js MODELD PROTO_DIR. Ends with the line "N passed, N failed".
'use strict';

const assert = require('assert');
const {spawn} = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const {test, run} = require('./harness');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const [modeld, protoDir] = process.argv.slice(2).map((p) => path.resolve(p));
const FILES = ['context', 'inference', 'model_cache', 'admin', 'error'].map((n) => `modeld/v1/${n}.proto`);
const definition =
    protoLoader.loadSync(FILES, {includeDirs: [protoDir], keepCase: true, longs: Number, enums: String});
const v1 = grpc.loadPackageDefinition(definition).modeld.v1;

// One connection, hence one session, shared by the stubs.
class Client {
  constructor(address) {
    const options = {'grpc.use_local_subchannel_pool': 1};
    this.channel = new grpc.Channel(address, grpc.credentials.createInsecure(), options);
    const stub = (Service) => new Service(address, null, {channelOverride: this.channel});
    this.contexts = stub(v1.ContextService);
    this.inference = stub(v1.InferenceService);
    this.models = stub(v1.ModelCacheService);
  }
  call(stub, method, request) {
    return new Promise((resolve, reject) => {
      stub[method](request, {deadline: Date.now() + 60000}, (error, reply) => error ? reject(error) : resolve(reply));
    });
  }
  upload(blob, data) {
    return new Promise((resolve, reject) => {
      const stream = this.inference.UploadConstant((error, reply) => error ? reject(error) : resolve(reply));
      for (let offset = 0; offset < data.length; offset += 512) {
        stream.write({blob, offset_bytes: offset, data: data.subarray(offset, offset + 512)});
      }
      stream.end();
    });
  }
  close() { this.channel.close(); }
}

const floats = (values) => Buffer.from(new Float32Array(values).buffer);
const toFloats = (bytes) => Array.from({length: bytes.length / 4}, (_, i) => bytes.readFloatLE(4 * i));

// y = x + c
function graphOf(constant) {
  const blob = {sha256: crypto.createHash('sha256').update(constant).digest(), size_bytes: constant.length};
  const tensor_descriptor = {data_type: 'DATA_TYPE_FLOAT32', shape: [constant.length / 4]};
  const graph = {
    operands: [
      {tensor_descriptor, input: {name: 'x'}}, {tensor_descriptor, constant: {blob}}, {intermediate: {}},
    ],
    inputs: [0],
    operations: [{type: 'add', label: 'sum', inputs: [0, 1], outputs: [2]}],
    outputs: [{name: 'y', operand: 2}],
  };
  return {blob, graph};
}

test('build, run, store, list, fetch and run again', async (client) => {
  const n = 500;
  const constant = floats(Array.from({length: n}, (_, i) => i / 4));
  const {blob, graph} = graphOf(constant);
  const {context_id} = await client.call(client.contexts, 'CreateContext', {});
  let built = await client.call(client.inference, 'Build', {context_id, graph});
  assert.strictEqual(built.missing.length, 1);
  const {committed_bytes} = await client.upload(blob, constant);
  assert.strictEqual(committed_bytes, constant.length);
  built = await client.call(client.inference, 'Build', {context_id, graph});
  assert.deepStrictEqual(built.graph.inputs.map((b) => b.name), ['x']);

  const inputs = {x: floats(Array.from({length: n}, () => 1))};
  const want = Array.from({length: n}, (_, i) => i / 4 + 1);
  const {graph_id} = built.graph;
  assert.deepStrictEqual(toFloats((await client.call(client.inference, 'Run', {graph_id, inputs})).outputs.y), want);

  const {model_id} = await client.call(client.models, 'Save', {graph_id, key: 'node/../model ✓'});
  const {models} = await client.call(client.models, 'List', {});
  assert.deepStrictEqual(models.map((m) => m.keys), [['node/../model ✓']]);
  const fetched = await client.call(client.models, 'Fetch', {context_id, model_ids: [model_id]});
  const again = await client.call(client.inference, 'Run', {graph_id: fetched.graph.graph_id, inputs});
  assert.deepStrictEqual(toFloats(again.outputs.y), want);
});

test('a model that is not there is NOT_FOUND', async (client) => {
  const {context_id} = await client.call(client.contexts, 'CreateContext', {});
  await assert.rejects(client.call(client.models, 'Fetch', {context_id, model_ids: [Buffer.alloc(32, 7)]}),
                       {code: grpc.status.NOT_FOUND});
});

test('a handle of one connection means nothing on another', async (client, address) => {
  const {context_id} = await client.call(client.contexts, 'CreateContext', {});
  const other = new Client(address);
  try {
    const tensor_descriptor = {data_type: 'DATA_TYPE_FLOAT32', shape: [1]};
    await assert.rejects(other.call(other.contexts, 'CreateTensor', {context_id, tensor_descriptor}),
                         {code: grpc.status.NOT_FOUND});
  } finally {
    other.close();
  }
});

const answers = (file) => new Promise((resolve) => {
  const probe = net.connect(file, () => resolve(probe.destroy() !== null)).on('error', () => resolve(false));
});

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'modeld'));
  const flags = ['--cache-dir', `${folder}/cache`, '--state-dir', `${folder}/state`, '--runtime-dir', `${folder}/run`];
  const daemon = spawn(modeld, flags, {stdio: 'inherit'});
  try {
    const socket = `${folder}/run/modeld.sock`;
    // The file is there before the daemon listens.
    for (let i = 0; i < 2400 && !(await answers(socket)); ++i) await new Promise((r) => setTimeout(r, 50));
    const address = `unix:${socket}`;
    process.exitCode = await run(() => new Client(address), address);
  } finally {
    daemon.kill('SIGTERM');
    await new Promise((resolve) => daemon.on('exit', resolve));
    fs.rmSync(folder, {recursive: true, force: true});
  }
}

main();
