// node run.js PACKAGES FOLDER COUNT: runs the models FOLDER/0.tflite, FOLDER/1.tflite … COUNT of them, each over every
// sample of 0.bin, 1.bin … (int8; a sample is the model's inputs in order) and prints a line for each model:
// {"outputs":[[…],…]} or, where the runtime refuses it, {"error":"…"}. Loads the WebAssembly module itself, without a
// browser: PACKAGES is where install.sh put it.
'use strict';
const fs = require('fs');
const path = require('path');

function list(tensors) {
    return Array.from({length: tensors.size()}, (_, i) => tensors.get(i));
}

function create(runtime, model) {
    const address = runtime._malloc(model.length);
    runtime.HEAPU8.set(model, address);
    const created = runtime.TFLiteWebModelRunner.CreateFromBufferAndOptions(address, model.length, {
        numThreads: 1,
        enableProfiling: false,
        maxProfilingBufferEntries: 1024,
    });
    if (!created.ok()) throw new Error('the runtime refuses the model: ' + created.errorMessage());
    return created.value();
}

function runModel(runtime, model, samples) {
    const runner = create(runtime, model);
    for (const tensor of [...list(runner.GetInputs()), ...list(runner.GetOutputs())]) {
        if (tensor.dataType !== 'int8') throw new Error('the model is not int8');
    }
    const outputs = [];
    let at = 0;
    while (at < samples.length) {
        // Fresh views each time: the module's memory may move when it grows.
        for (const input of list(runner.GetInputs())) {
            const data = input.data();
            data.set(new Int8Array(samples.buffer, samples.byteOffset + at, data.length));
            at += data.length;
        }
        if (!runner.Infer()) throw new Error('inference failed');
        outputs.push(Array.from(runner.GetOutputs().get(0).data()));
    }
    return outputs;
}

async function main([packages, folder, count]) {
    const wasm = path.resolve(packages, 'node_modules/@tensorflow/tfjs-tflite/wasm');
    const factory = require(path.join(wasm, 'tflite_web_api_cc.js'));
    const runtime = await factory({
        wasmBinary: fs.readFileSync(path.join(wasm, 'tflite_web_api_cc.wasm')),
        print() {},
        printErr() {},
    });
    const lines = [];
    for (let i = 0; i < Number(count); ++i) {
        const file = (ending) => fs.readFileSync(path.join(folder, i + ending));
        try {
            lines.push({outputs: runModel(runtime, file('.tflite'), file('.bin'))});
        } catch (error) {
            lines.push({error: String(error)});
        }
    }
    const text = lines.map((line) => JSON.stringify(line) + '\n').join('');
    process.stdout.write(text, () => process.exit(0));
}

main(process.argv.slice(2)).catch((error) => {
    console.error(String(error));
    process.exit(1);
});
