// The text that GCC writes with -fcallgraph-info=su, line by line:
//   node: { title: "feature.c:helper" label: "helper\nfeature.c:3:14\n16 bytes (static)" }
//   edge: { sourcename: "tinsmith_feature" targetname: "feature.c:helper" label: "…" }
// A function without a size is one from outside.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "handlers/code/object.hpp"

namespace tinsmith::code {

namespace {

constexpr std::size_t kMaxGraphBytes = 256u << 10;
constexpr std::size_t kMaxNodes = 500;
// What a function from outside needs at most: the header's and the compiler's own are small.
constexpr std::uint32_t kOutside = 200;

struct Node {
    std::optional<std::uint32_t> stack;  // none: from outside
    bool bounded = true;
    std::vector<std::string> callees;
    enum { fresh, open, done } visit = fresh;
    std::uint32_t deepest = 0;
};

using Graph = std::map<std::string, Node, std::less<>>;

// The text between the quotation marks after `key`.
std::string_view field(std::string_view line, std::string_view key) {
    const std::size_t at = line.find(key);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = line.substr(at + key.size());
    return rest.substr(0, rest.find('"'));
}

void readNode(std::string_view line, Graph& graph) {
    Node& node = graph[std::string(field(line, "title: \""))];
    const std::string_view label = field(line, "label: \"");
    const std::size_t bytes = label.rfind(" bytes (");
    if (bytes == std::string_view::npos) return;
    // The line breaks of a label are written as \n.
    const std::size_t start = label.rfind('n', bytes);
    std::uint32_t value = 0;
    const char* last = label.data() + bytes;
    const auto parsed = std::from_chars(
        label.data() + (start == std::string_view::npos ? 0 : start + 1), last, value);
    const bool number = parsed.ptr == last && parsed.ec == std::errc();
    node.stack = number ? std::min(value, 1u << 24) : 1u << 24;
    node.bounded = label.substr(bytes).starts_with(" bytes (static)");
}

std::unexpected<Error> bad(Kind kind, const std::string& what, std::string hint) {
    return fail(Code::build_failed, "the code of the " + std::string(kindName(kind)) + " " + what,
                std::move(hint), "/code/" + std::string(kindName(kind)) + "/source");
}

std::string plainName(std::string_view title) {
    return std::string(title.substr(title.rfind(':') + 1).substr(0, 80));
}

Result<std::uint32_t> depth(Kind kind, Graph& graph, const std::string& name) {
    if (name == "__indirect_call")
        return bad(kind, "calls through a pointer", "call functions by their name");
    Node& node = graph[name];
    if (node.visit == Node::open)
        return bad(kind, "is recursive: " + plainName(name), "use a loop");
    if (node.visit == Node::done) return node.deepest;
    if (!node.stack && !node.callees.empty())
        return bad(kind, "has a call graph that makes no sense", "write it in another way");
    if (!node.bounded)
        return bad(kind, "needs stack of a size that is not fixed: " + plainName(name),
                   "use arrays of constant size");
    node.visit = Node::open;
    std::uint32_t below = 0;
    for (const std::string& callee : node.callees) {
        const auto callees = depth(kind, graph, callee);
        if (!callees) return callees;
        below = std::max(below, *callees);
    }
    node.visit = Node::done;
    node.deepest = std::min(node.stack.value_or(kOutside) + below, 1u << 28);
    return node.deepest;
}

}  // namespace

Result<std::uint32_t> inspectCalls(Kind kind, std::string_view graph) {
    if (graph.size() > kMaxGraphBytes) return bad(kind, "has too many functions", "write less");
    Graph nodes;
    while (!graph.empty() && nodes.size() <= kMaxNodes) {
        const std::string_view line = graph.substr(0, graph.find('\n'));
        graph.remove_prefix(std::min(line.size() + 1, graph.size()));
        if (line.starts_with("node: {")) readNode(line, nodes);
        if (!line.starts_with("edge: {")) continue;
        Node& from = nodes[std::string(field(line, "sourcename: \""))];
        std::string to(field(line, "targetname: \""));
        if (std::ranges::find(from.callees, to) == from.callees.end())
            from.callees.push_back(std::move(to));
    }
    if (nodes.size() > kMaxNodes) return bad(kind, "has too many functions", "write less");
    const std::string function(functionName(kind));
    const auto found = nodes.find(function);
    if (found == nodes.end() || !found->second.stack)
        return bad(kind, "does not define " + function, "see the header for its prototype");
    // Functions that nobody calls may be wrong too: all of them are looked at.
    for (auto it = nodes.begin(); it != nodes.end(); ++it) {
        if (it->first == "__indirect_call") continue;
        if (auto each = depth(kind, nodes, std::string(it->first)); !each) return each;
    }
    const std::uint32_t stack = nodes[function].deepest;
    if (stack > kMaxStackBytes) {
        return bad(kind,
                   "needs " + std::to_string(stack) + " bytes of stack, " +
                       std::to_string(kMaxStackBytes) + " are there",
                   "use smaller local arrays");
    }
    return stack;
}

}  // namespace tinsmith::code
