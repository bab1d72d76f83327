#include "bench/engineers.hpp"

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>

namespace tinsmith::bench {

namespace {

using Saying = e2e::ScriptedModel::Saying;
// A reply to the prompt when asked for the n-th time, from 0.
using Engineer = std::function<Saying(const std::string& prompt, std::size_t n)>;

std::string promptOf(const Json& request) {
    std::string prompt;
    if (!request.is_object() || !request.contains("messages")) return prompt;
    for (const Json& message : request["messages"]) prompt += message.value("content", "") + "\n";
    return prompt;
}

Saying oneOf(const std::vector<std::string>& replies, std::size_t n) {
    return {replies[n % replies.size()]};
}

// Whoever reads these benevolently finds nothing that holds.
Saying breakFormat(const std::string&, std::size_t n) {
    static const std::vector<std::string> replies = {
        "Certainly! For this kind of data I would recommend a compact convolutional network with "
        "three layers, followed by global average pooling. Let me know if you want the details.",
        R"({"version":1,"reason":"cut off","features":[{"block":"raw"}],"network":[{"layer":"fla)",
        R"({'version':1,'reason':'quotes','features':[{'block':'raw'}],'network':[{'layer':'flatten'}]})",
        "```json5\n{\n  // the plan\n  version: 1,\n  features: [{block: 'raw'},],\n"
        "  network: [{layer: 'flatten'},],\n  training: {epochs: 20,}\n}\n```",
        R"({"thought":"first the idea"} {"version":1} and then {"network":[]})",
        "<plan version=\"1\"><features><raw/></features></plan>",
        "version: 1\nfeatures:\n  - block: raw\nnetwork:\n  - layer: flatten\n",
        R"({"version":1,"features":[{"block":"raw"}],"network":[NaN],"training":{"epochs":Infinity}})",
        R"([{"version":1,"features":"raw","network":"dense","training":"short"}])",
        "\xff\xfe{\"version\":\x01}",
        "",
    };
    return oneOf(replies, n);
}

Saying inventInterfaces(const std::string&, std::size_t n) {
    static const std::vector<std::string> replies = {
        R"({"version":1,"reason":"recurrent","features":[{"block":"raw"}],"network":[{"layer":"lstm","units":64},{"layer":"attention","heads":4}],"training":{"epochs":30}})",
        R"({"version":1,"reason":"wavelets","features":[{"block":"wavelet","family":"db4","levels":5}],"network":[{"layer":"dense","units":32}],"training":{"epochs":30}})",
        R"({"version":1,"reason":"optimizer","features":[{"block":"raw"}],"network":[{"layer":"flatten"},{"layer":"dense","units":16,"activation":"gelu"}],"training":{"epochs":30,"optimizer":"adamw","scheduler":"cosine"}})",
        R"({"version":2,"reason":"newer","pipeline":{"pre":["pca"],"model":"random_forest"}})",
        R"({"look":"everything","reason":"show me all"})",
        R"({"edit":{"/network/17/filters":24,"/model/head":"svm"},"of":"best","reason":"a place that is not there"})",
        R"({"action":"train","model":"resnet18","pretrained":true})",
        R"({"version":1,"reason":"softmax","features":[{"block":"raw"}],"network":[{"layer":"flatten"},{"layer":"softmax"}],"training":{"epochs":30,"early_stopping":true}})",
        R"({"edit":{"/training/augment/cutmix":0.5},"of":"best","reason":"an augmentation of another library"})",
    };
    return oneOf(replies, n);
}

Saying runAway(const std::string&, std::size_t) {
    return {R"({"version":1,"reason":"Let me think about this step by step. )", true};
}

// What the prompt shows as an example of the form; empty where it shows none.
std::string exampleIn(const std::string& prompt) {
    const std::size_t from = prompt.find("\n{\"version\":1,\"reason\"");
    return from == std::string::npos
               ? ""
               : prompt.substr(from + 1, prompt.find('\n', from + 1) - from - 1);
}

Saying beLazy(const std::string& prompt, std::size_t n) {
    const std::string example = exampleIn(prompt);
    if (n % 2 == 0 && !example.empty()) return {example};
    return {
        R"({"version":1,"reason":"simple is best","features":[{"block":"statistics"}],"network":[{"layer":"dense","units":1}],"training":{"epochs":1}})"};
}

Saying beStubborn(const std::string&, std::size_t) {
    return {
        R"({"version":1,"reason":"I am sure that this is the best network.","features":[{"block":"raw"}],"network":[{"layer":"flatten"},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256},{"layer":"dense","units":256}],"training":{"epochs":1000}})"};
}

const std::map<std::string, Engineer>& engineers() {
    static const std::map<std::string, Engineer> all = {
        {"good", [](const std::string& prompt, std::size_t) { return Saying{goodReply(prompt)}; }},
        {"format", breakFormat},
        {"interfaces", inventInterfaces},
        {"runaway", runAway},
        {"lazy", beLazy},
        {"stubborn", beStubborn},
    };
    return all;
}

}  // namespace

std::vector<std::string> engineerNames() {
    std::vector<std::string> names;
    for (const auto& [name, reply] : engineers()) names.push_back(name);
    return names;
}

e2e::ScriptedModel::Talk engineer(const std::string& name) {
    const auto known = engineers().find(name);
    if (known == engineers().end()) throw std::runtime_error("there is no engineer " + name);
    return [reply = known->second, n = std::size_t{0}](const Json& request) mutable {
        return reply(promptOf(request), n++);
    };
}

std::string settingsFor(const std::string& url, const std::string& model) {
    return "[[llm]]\nurl = " + Json(url).dump() + "\nmodel = " + Json(model).dump() + "\n";
}

}  // namespace tinsmith::bench
