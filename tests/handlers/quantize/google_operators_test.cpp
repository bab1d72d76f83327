// Networks of one operator in Google's own runtime: no value differs by more than one step.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <span>

#include "firmware/nn/run.hpp"
#include "handlers/quantize/tflite.hpp"
#include "tests/handlers/quantize/google_runtime.hpp"
#include "tests/handlers/quantize/operator_variants.hpp"
#include "tests/handlers/quantize/shared_models.hpp"

namespace tinsmith {
namespace {

constexpr int kSamples = 50;

struct Tally {
    std::size_t variants = 0, values = 0, equal = 0, offByOne = 0;
    std::size_t inside = 0;  // of ours, what lies between the limits of int8
    int largest = 0;

    void take(int ours, int theirs) {
        const int difference = std::abs(ours - theirs);
        ++values;
        equal += difference == 0 ? 1 : 0;
        offByOne += difference == 1 ? 1 : 0;
        inside += ours > -128 && ours < 127 ? 1 : 0;
        largest = std::max(largest, difference);
    }
};
using Tallies = std::map<std::string, Tally>;  // by operator

test::GoogleRuntime::Job jobOf(const nn::Graph& graph, std::mt19937& random) {
    std::size_t bytes = 0;
    for (const std::int32_t index : graph.inputs) {
        bytes +=
            static_cast<std::size_t>(nn::byteCount(graph.tensors[static_cast<std::size_t>(index)]));
    }
    std::uniform_int_distribution<int> value(-128, 127);
    test::GoogleRuntime::Job job{quantize::writeTflite(graph).value(), {}};
    for (std::size_t i = 0; i < kSamples * bytes; ++i)
        job.samples.push_back(static_cast<std::int8_t>(value(random)));
    return job;
}

// Adds what the two runtimes make of the samples; false where a value differs by more than one.
bool compare(const nn::Graph& graph, const std::vector<std::int8_t>& samples,
             const std::vector<std::vector<int>>& theirs, Tally& tally) {
    auto runner = nn::Runner::create(graph).value();
    Tally own;
    for (std::size_t i = 0; i < kSamples; ++i) {
        const auto ours =
            runner.run(std::span(samples).subspan(i * runner.inputBytes(), runner.inputBytes()))
                .value();
        if (theirs.at(i).size() != ours.size()) return false;
        for (std::size_t k = 0; k < ours.size(); ++k) own.take(ours[k], theirs[i][k]);
    }
    tally.variants += 1;
    tally.values += own.values;
    tally.equal += own.equal;
    tally.offByOne += own.offByOne;
    tally.inside += own.inside;
    tally.largest = std::max(tally.largest, own.largest);
    return own.largest <= 1;
}

// Every network in both runtimes. `refused` gets the names of those that Google's does not take.
Tallies compareAll(const test::GoogleRuntime& runtime, const std::vector<test::Variant>& variants,
                   std::set<std::string>& refused) {
    std::mt19937 random(5);
    std::vector<test::GoogleRuntime::Job> jobs;
    for (const test::Variant& variant : variants) jobs.push_back(jobOf(variant.graph, random));
    const auto outcomes = runtime.run(jobs);
    Tallies tallies;
    EXPECT_EQ(outcomes.size(), jobs.size());
    if (outcomes.size() != jobs.size()) return tallies;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const nn::Graph& graph = variants[i].graph;
        if (!outcomes[i].error.empty()) {
            std::printf("%s: %s\n", variants[i].name.c_str(), outcomes[i].error.c_str());
            refused.insert(variants[i].name);
            continue;
        }
        Tally& tally = tallies[std::string(nn::opName(graph.operators[0].op))];
        EXPECT_TRUE(compare(graph, jobs[i].samples, outcomes[i].outputs, tally))
            << variants[i].name << ": a value differs by more than one, or their number";
    }
    for (const auto& [op, tally] : tallies) {
        std::printf(
            "%-18s %3zu variants %7zu values: %7zu equal, %5zu off by one, largest difference %d; "
            "%.0f %% between the limits\n",
            op.c_str(), tally.variants, tally.values, tally.equal, tally.offByOne, tally.largest,
            100.0 * static_cast<double>(tally.inside) / static_cast<double>(tally.values));
    }
    return tallies;
}

TEST(GoogleOperators, EveryOperatorIsWithinOneStep) {
    const auto runtime = test::GoogleRuntime::install();
    if (!runtime)
        GTEST_SKIP()
            << "GoogleOperators.EveryOperatorIsWithinOneStep: no node, npm or package registry";
    std::set<std::string> refused;
    const Tallies tallies = compareAll(*runtime, test::OperatorVariants(7).all(), refused);
    EXPECT_EQ(refused.size(), 0u);
    for (int op = 0; op <= static_cast<int>(nn::Op::softmax); ++op) {
        const std::string name(nn::opName(static_cast<nn::Op>(op)));
        ASSERT_TRUE(tallies.contains(name)) << name << " was not compared";
        // Values at the limits are equal whatever the arithmetic.
        EXPECT_GT(3 * tallies.at(name).inside, tallies.at(name).values) << name;
    }
}

// The single operators of the golden vectors, odd ones above all, as our writer exports them.
TEST(GoogleOperators, GoldenOperatorsAreWithinOneStep) {
    const auto runtime = test::GoogleRuntime::install();
    if (!runtime)
        GTEST_SKIP()
            << "GoogleOperators.GoldenOperatorsAreWithinOneStep: no node, npm or package registry";
    if (!test::haveModels())
        GTEST_SKIP() << "GoogleOperators.GoldenOperatorsAreWithinOneStep: no golden vectors here";
    std::vector<test::Variant> variants;
    for (const auto& file : std::filesystem::directory_iterator(test::sharedModels() / "ops")) {
        if (file.path().extension() != ".tflite") continue;
        auto graph = quantize::loadTflite(file.path()).value();
        if (graph.operators.size() == 1) variants.push_back({file.path().stem(), std::move(graph)});
    }
    std::sort(variants.begin(), variants.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    std::set<std::string> refused;
    compareAll(*runtime, variants, refused);
    // Their convolutions need a bias.
    EXPECT_EQ(refused, (std::set<std::string>{"conv_3x3_nobias_c3_o7_none"}));
}

// Samples of images `width` wide without their last column.
std::vector<std::int8_t> narrower(const std::vector<std::int8_t>& samples, std::int32_t width,
                                  std::int32_t channels) {
    const auto row = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
    std::vector<std::int8_t> result;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        if (i % row < row - static_cast<std::size_t>(channels)) result.push_back(samples[i]);
    }
    return result;
}

// What Google's runtime computes otherwise: depthwise layers larger than 1x1 with SAME padding
// whose last stride ends before the last column or row of the input. There its result has nothing
// to do with the layer. Who is right it tells itself: without the column that nobody reads the
// result should be the same, and of that input it computes what ours makes of the whole one.
TEST(GoogleOperators, DepthwiseThatLeavesAColumnUnreadIsRight) {
    const auto runtime = test::GoogleRuntime::install();
    if (!runtime)
        GTEST_SKIP() << "GoogleOperators.DepthwiseThatLeavesAColumnUnreadIsRight: no node, npm or "
                        "package registry";
    std::mt19937 random(5);
    for (const auto& [name, wide] : test::OperatorVariants(8).unreadColumn()) {
        nn::Graph narrow = wide;
        auto& shape = narrow.tensors[static_cast<std::size_t>(narrow.inputs[0])].shape;
        const auto job = jobOf(wide, random);
        const auto narrowSamples = narrower(job.samples, shape[2], shape[3]);
        --shape[2];
        const auto outcomes =
            runtime->run({job, {quantize::writeTflite(narrow).value(), narrowSamples}});
        ASSERT_EQ(outcomes.size(), 2u);
        Tally whole, without;
        compare(wide, job.samples, outcomes[0].outputs, whole);
        EXPECT_TRUE(compare(wide, job.samples, outcomes[1].outputs, without)) << name;
        std::printf("%s: largest difference %d of %zu values; without the column %d\n",
                    name.c_str(), whole.largest, whole.values, without.largest);
        EXPECT_GT(whole.largest, 1) << "the runtime is right now: this is no exception any more";
    }
}

}  // namespace
}  // namespace tinsmith
