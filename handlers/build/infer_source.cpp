#include "handlers/build/infer_source.hpp"

#include <algorithm>
#include <numeric>

#include "firmware/nn/prepare.hpp"
#include "handlers/build/memory_plan.hpp"
#include "handlers/build/parameter_limit.hpp"
#include "handlers/build/source_text.hpp"
#include "handlers/build/step_source.hpp"

namespace tinsmith::build {

namespace {

// A reshape of something computed is the same bytes under another name: no copy, no memory of its
// own.
bool isAlias(const nn::Graph& graph, const nn::Step& step) {
    const nn::Operator& op = graph.operators[static_cast<std::size_t>(step.op)];
    return op.op == nn::Op::reshape && step.output != graph.outputs[0] &&
           !graph.tensors[static_cast<std::size_t>(step.inputs[0])].constant;
}

// Scratch of at most so many bytes lies on the stack, which every board has room for: networking
// and the check of a signature take 4 KB of it, a network no more than 300 bytes.
constexpr std::int64_t kStackScratch = 1024;

// Which tensors share memory, how long each such group lives, and where it lies; the scratch of
// each step too.
class Layout {
  public:
    Layout(const nn::Graph& graph, const std::vector<nn::Step>& steps,
           const std::vector<StepSource>& sources, bool keep)
        : graph_(graph),
          root_(graph.tensors.size()),
          begin_(graph.tensors.size()),
          slot_(graph.tensors.size(), -1) {
        std::iota(root_.begin(), root_.end(), 0);
        for (const std::int32_t input : graph.inputs) {
            root_[index(input)] = graph.inputs[0];
            begin_[index(input)] = inputBytes_;
            inputBytes_ += nn::byteCount(graph.tensors[index(input)]);
        }
        for (const nn::Step& step : steps) {
            if (!isAlias(graph, step)) continue;
            root_[index(step.output)] = root_[index(step.inputs[0])];
            begin_[index(step.output)] = begin_[index(step.inputs[0])];
        }
        const std::int32_t end = static_cast<std::int32_t>(steps.size());
        touch(graph.inputs[0], 0);
        for (std::int32_t i = 0; i < end; ++i) {
            for (const std::int32_t tensor : steps[index(i)].inputs) touch(tensor, i);
            touch(steps[index(i)].output, i);
            if (keep) touch(steps[index(i)].output, end);
        }
        const std::vector<Overlap> overlaps = overlapsOf(steps, sources);
        for (std::int32_t i = 0; i < end; ++i) {
            scratch_.push_back(static_cast<std::int32_t>(lifetimes_.size()));
            const std::int64_t bytes = sources[index(i)].scratchBytes;
            if (bytes > kStackScratch)
                lifetimes_.push_back({bytes, i, i});
            else
                stackScratch_ = std::max(stackScratch_, bytes);
        }
        plan_ = planMemory(lifetimes_, overlaps);
        for (std::int32_t i = 0; i < end; ++i) {
            for (const std::int32_t tensor : steps[index(i)].inputs) {
                const std::int64_t behind = offset(tensor) +
                                            nn::byteCount(graph.tensors[index(tensor)]) +
                                            sources[index(i)].readsBehind;
                if (offset(tensor) >= 0) plan_.bytes = std::max(plan_.bytes, behind);
            }
        }
    }

    std::int64_t bytes() const { return plan_.bytes; }
    std::int64_t offset(std::int32_t tensor) const {
        const std::int32_t slot = slot_[index(root_[index(tensor)])];
        return slot < 0 ? -1 : plan_.offsets[index(slot)] + begin_[index(tensor)];
    }

    // Where a tensor is at run time, as an expression.
    std::string place(std::int32_t tensor) const {
        const std::int32_t root = root_[index(tensor)];
        if (root == graph_.inputs[0]) {
            const std::int64_t begin = begin_[index(tensor)];
            return begin == 0 ? "input" : "input + " + std::to_string(begin);
        }
        if (root == graph_.outputs[0]) return "output";
        if (graph_.tensors[index(root)].constant) return "kTensor" + std::to_string(root);
        return "arena + " + std::to_string(offset(root));
    }
    std::int64_t stackScratch() const { return stackScratch_; }
    std::string scratch(std::size_t step, std::int64_t bytes) const {
        if (bytes <= kStackScratch) return "scratch";
        return "arena + " + std::to_string(plan_.offsets[index(scratch_[step])]);
    }

  private:
    static std::size_t index(std::int32_t value) { return static_cast<std::size_t>(value); }

    void touch(std::int32_t tensor, std::int32_t when) {
        const std::int32_t root = root_[index(tensor)];
        if (graph_.tensors[index(root)].constant || root == graph_.outputs[0]) return;
        std::int32_t& at = slot_[index(root)];
        if (at < 0) {
            at = static_cast<std::int32_t>(lifetimes_.size());
            const std::int64_t bytes =
                root == graph_.inputs[0] ? inputBytes_ : nn::byteCount(graph_.tensors[index(root)]);
            lifetimes_.push_back({bytes, when, when});
        }
        lifetimes_[index(at)].last = std::max(lifetimes_[index(at)].last, when);
    }

    std::vector<Overlap> overlapsOf(const std::vector<nn::Step>& steps,
                                    const std::vector<StepSource>& sources) const {
        std::vector<Overlap> overlaps;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const std::int32_t output = slot_[index(root_[index(steps[i].output)])];
            if (!sources[i].outputFrom || output < 0 || isAlias(graph_, steps[i])) continue;
            for (const std::int32_t tensor : steps[i].inputs) {
                const std::int32_t input = slot_[index(root_[index(tensor)])];
                if (input < 0 || input == output ||
                    lifetimes_[index(input)].last != static_cast<std::int32_t>(i)) {
                    continue;
                }
                // Of a tensor inside of a slot: what the begin of the slot allows, it allows too,
                // where the steps meet.
                if (begin_[index(tensor)] % sources[i].outputStep != 0) continue;
                overlaps.push_back(
                    {index(input), index(output), *sources[i].outputFrom, sources[i].outputStep});
            }
        }
        return overlaps;
    }

    const nn::Graph& graph_;
    std::int64_t inputBytes_ = 0;      // of all inputs of the graph, which share a slot
    std::vector<std::int32_t> root_;   // of each tensor: the one among whose bytes it is
    std::vector<std::int64_t> begin_;  // of each tensor: bytes from the begin of its root
    std::vector<std::int32_t> slot_;   // of each root: its lifetime; -1 = not in the arena
    std::vector<std::int32_t>
        scratch_;  // of each step: the lifetime of its scratch, if in the arena
    std::vector<Lifetime> lifetimes_;
    std::int64_t stackScratch_ = 0;  // the largest that no lifetime stands for
    MemoryPlan plan_;
};

// What a core has of its own: a folder of firmware/nn/cores, and who writes calls to its kernels.
// Where it writes none, the portable kernel is called.
struct CoreKernels {
    std::string_view name;
    Core core;
    std::optional<StepSource> (*source)(const nn::Step&);
    const char* header;
};
constexpr CoreKernels kCores[] = {
    {"portable", Core::portable, nullptr, nullptr},
    {"armv7em", Core::armv7em, armv7emSource, "firmware/nn/cores/armv7em/kernels.hpp"},
};

const CoreKernels& kernelsOf(Core core) {
    return *std::find_if(std::begin(kCores), std::end(kCores),
                         [&](const CoreKernels& each) { return each.core == core; });
}

// Constant operands of ADD and MUL, each once.
void writeConstants(const nn::Graph& graph, const std::vector<nn::Step>& steps,
                    InferSource& result) {
    std::vector<bool> written(graph.tensors.size());
    for (const nn::Step& step : steps) {
        for (const std::int32_t input : step.inputs) {
            const auto at = static_cast<std::size_t>(input);
            const nn::Tensor& tensor = graph.tensors[at];
            if (!tensor.constant || written[at]) continue;
            const std::vector<std::int8_t> values(tensor.data.begin(), tensor.data.end());
            result.text +=
                arrayOf("std::int8_t", "kTensor" + std::to_string(input), std::span(values));
            result.constantBytes += static_cast<std::int64_t>(values.size());
            written[at] = true;
        }
    }
}

}  // namespace

std::optional<Core> coreNamed(std::string_view name) {
    for (const CoreKernels& each : kCores) {
        if (each.name == name) return each.core;
    }
    return {};
}

Result<InferSource> inferSource(const nn::Graph& graph, Core core, bool keepOutputs,
                                Parameters parameters) {
    auto steps = nn::prepare(graph);
    if (!steps) {
        return fail(steps.error().damaged ? Code::bad_data : Code::unsupported,
                    steps.error().message);
    }
    if (graph.outputs.size() != 1 ||
        std::count(graph.inputs.begin(), graph.inputs.end(), graph.outputs[0]) > 0) {
        return fail(Code::unsupported, "the network must have one output, which is computed");
    }
    const auto reads = [&](const nn::Step& step) {
        return std::count(step.inputs.begin(), step.inputs.end(), graph.outputs[0]) > 0;
    };
    if (std::any_of(steps->begin(), steps->end(), reads)) {
        return fail(Code::unsupported, "the network's output is an input of another operator");
    }
    const CoreKernels& kernels = kernelsOf(core);
    std::vector<StepSource> sources;
    for (const nn::Step& step : *steps) {
        auto source = kernels.source != nullptr ? kernels.source(step) : std::nullopt;
        sources.push_back(source ? std::move(*source) : portableSource(step));
    }
    if (parameters == Parameters::limited) keepToParameterLimit(graph, *steps, sources);
    const Layout layout(graph, *steps, sources, keepOutputs);
    InferSource result;
    result.includes = "#include \"firmware/nn/kernels.hpp\"\n";
    if (kernels.header != nullptr)
        result.includes += "#include \"" + std::string(kernels.header) + "\"\n";
    result.arenaBytes = layout.bytes();
    result.inputOffset = layout.offset(graph.inputs[0]);
    result.operators = Json::array();
    writeConstants(graph, *steps, result);

    std::string calls;
    for (std::size_t i = 0; i < steps->size(); ++i) {
        const nn::Step& step = (*steps)[i];
        const StepSource& source = sources[i];
        const bool alias = isAlias(graph, step);
        const nn::Operator& op = graph.operators[static_cast<std::size_t>(step.op)];
        const std::int64_t offset = layout.offset(step.output);
        result.operators.push_back(
            {{"index", step.op},
             {"op", nn::opName(op.op)},
             {"kernel", alias ? Json() : Json(source.kernel)},
             {"macs", nn::macCount(graph, op)},
             {"offset", offset < 0 ? Json() : Json(offset)},
             {"bytes", nn::byteCount(graph.tensors[static_cast<std::size_t>(step.output)])},
             {"scratch", source.scratchBytes}});
        if (alias) continue;
        result.text += source.constants;
        result.constantBytes += source.bytes;
        std::vector<std::string> inputs;
        for (const std::int32_t input : step.inputs) inputs.push_back(layout.place(input));
        calls += placed(source, inputs, layout.place(step.output),
                        layout.scratch(i, source.scratchBytes));
    }
    if (layout.stackScratch() > 0) {
        calls = "    alignas(8) std::int8_t scratch[" + std::to_string(layout.stackScratch()) +
                "];\n" + calls;
    }
    result.text += "\nalignas(8) std::int8_t arena[" + std::to_string(result.arenaBytes) +
                   "];\n\n" + "void infer(const std::int8_t* input, std::int8_t* output) {\n" +
                   calls + "}\n";
    return result;
}

}  // namespace tinsmith::build
