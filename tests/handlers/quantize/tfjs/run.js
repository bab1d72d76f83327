// node run.js PACKAGES MODEL.tflite INPUTS.bin: runs the model over every input (int8, one after the other) and prints
// {"outputs":[[…],…]}. Loads the WebAssembly module itself, without a browser: PACKAGES is where install.sh put it.
'use strict';
const fs = require('fs');
const path = require('path');

async function main([packages, modelPath, inputsPath]) {
    const folder = path.resolve(packages, 'node_modules/@tensorflow/tfjs-tflite/wasm');
    const factory = require(path.join(folder, 'tflite_web_api_cc.js'));
    const runtime = await factory({
        wasmBinary: fs.readFileSync(path.join(folder, 'tflite_web_api_cc.wasm')),
        print() {},
        printErr() {},
    });
    const model = fs.readFileSync(modelPath);
    const address = runtime._malloc(model.length);
    runtime.HEAPU8.set(model, address);
    const created = runtime.TFLiteWebModelRunner.CreateFromBufferAndOptions(address, model.length, {
        numThreads: 1,
        enableProfiling: false,
        maxProfilingBufferEntries: 1024,
    });
    if (!created.ok()) throw new Error('the runtime refuses the model: ' + created.errorMessage());
    const runner = created.value();
    // A fresh view each time: the module's memory may move when it grows.
    const input = () => runner.GetInputs().get(0);
    const output = () => runner.GetOutputs().get(0);
    if (input().dataType !== 'int8' || output().dataType !== 'int8') throw new Error('the model is not int8');
    const size = input().data().length;
    const inputs = fs.readFileSync(inputsPath);
    const outputs = [];
    for (let at = 0; at + size <= inputs.length; at += size) {
        input().data().set(new Int8Array(inputs.buffer, inputs.byteOffset + at, size));
        if (!runner.Infer()) throw new Error('inference failed');
        outputs.push(Array.from(output().data()));
    }
    process.stdout.write(JSON.stringify({outputs}) + '\n', () => process.exit(0));
}

main(process.argv.slice(2)).catch((error) => {
    console.error(String(error));
    process.exit(1);
});
