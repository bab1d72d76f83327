#include "handlers/requests/rule.hpp"

#include <fstream>

#include "handlers/code/compile.hpp"
#include "handlers/code/foreign_file.hpp"
#include "handlers/code/header.hpp"
#include "handlers/code/object.hpp"
#include "handlers/code/run.hpp"
#include "handlers/code/run_format.hpp"
#include "handlers/flow/files.hpp"
#include "handlers/requests/stage.hpp"

namespace tinsmith {

namespace {

namespace fs = std::filesystem;

constexpr code::Kind kRule = code::Kind::decision;
constexpr std::size_t kMaxProgramBytes = 2u << 20;
constexpr std::size_t kMaxGraphBytes = 1u << 20;

std::span<const std::uint8_t> viewOf(const std::string& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

Error notCompiled(const Exit& exit) {
    const std::string words = code::shortComplaint(exit.errors);
    const std::string why = !exit.limit.empty() ? "its " + exit.limit + " limit was reached"
                            : words.empty() ? "the compiler ended with " + std::to_string(exit.code)
                                            : words;
    return {Code::build_failed, "the code of the decision does not compile: " + why,
            "mend it; the header says what there is", "/code/decision/source"};
}

// An empty folder with the sources, compiled there: the path of the object, which has been looked
// at.
Task<Result<fs::path>> compileRule(Job& job, Json plan, std::vector<std::string> compiler,
                                   std::string folderName) {
    const std::string source = plan["code"]["decision"].value("source", "");
    const auto clean = code::checkSource(kRule, source);
    if (!clean) co_return std::unexpected(clean.error());
    auto folder = job.folder(folderName);
    if (!folder) co_return std::unexpected(folder.error());
    Status wrote = writeFile(*folder / code::kHeaderFile, code::headerText());
    if (wrote) wrote = writeFile(*folder / code::sourceFile(kRule), *clean);
    if (!wrote) co_return std::unexpected(wrote.error());
    Child child = code::compileChild(code::compileCommand(kRule, compiler), *folder);
    Result<Exit> exit = co_await job.world().workers.run(std::move(child), job.token());
    if (!exit) co_return std::unexpected(exit.error());
    if (exit->code != 0 || !exit->limit.empty()) co_return std::unexpected(notCompiled(*exit));
    const fs::path object = *folder / code::objectFile(kRule);
    const auto bytes = code::readForeignFile(object, code::kMaxObjectBytes);
    if (!bytes) co_return std::unexpected(bytes.error());
    const auto inspected = code::inspectObject(kRule, viewOf(*bytes));
    if (!inspected) co_return std::unexpected(inspected.error());
    const auto graph = code::readForeignFile(*folder / code::graphFile(kRule), kMaxGraphBytes);
    if (!graph) co_return std::unexpected(graph.error());
    const auto stack = code::inspectCalls(kRule, *graph);
    if (!stack) co_return std::unexpected(stack.error());
    co_return object;
}

// Items of a code-input file; 0 where it is none.
std::size_t itemsOf(const fs::path& input) {
    std::ifstream file(input, std::ios::binary);
    code::RunHeader header;
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    return file && header.magic == code::kRunMagic ? header.items : 0;
}

}  // namespace

bool hasRule(const Json& plan) {
    const auto code = plan.find("code");
    return code != plan.end() && code->is_object() && code->contains("decision");
}

Task<Result<fs::path>> ruleProgram(Job& job, Json plan) {
    const std::vector<std::string> compiler = {"gcc"};
    Result<fs::path> object = co_await compileRule(job, plan, compiler, "rule-gateway");
    if (!object) co_return std::unexpected(object.error());
    const fs::path library = job.world().settings.programDir / "libtinsmith_code_run.a";
    const std::vector<code::Kind> kinds = {kRule};
    Child child = code::linkChild(kinds, library, object->parent_path());
    Result<Exit> exit = co_await job.world().workers.run(std::move(child), job.token());
    if (!exit) co_return std::unexpected(exit.error());
    if (exit->code != 0 || !exit->limit.empty()) co_return std::unexpected(notCompiled(*exit));
    co_return object->parent_path() / code::kProgramFile;
}

Task<Result<Json>> checkRule(Job& job, Json plan) {
    Result<fs::path> program = co_await ruleProgram(job, plan);
    if (!program) co_return std::unexpected(program.error());
    co_return Json::object();
}

Task<Result<std::string>> ruleObject(Job& job, Json plan, std::vector<std::string> compiler) {
    Result<fs::path> object = co_await compileRule(job, plan, compiler, "rule-board");
    if (!object) co_return std::unexpected(object.error());
    co_return code::readForeignFile(*object, code::kMaxObjectBytes);
}

Task<Result<fs::path>> runRule(Job& job, fs::path program, fs::path input) {
    auto folder = job.folder("rule-run");
    if (!folder) co_return std::unexpected(folder.error());
    const auto bytes = code::readForeignFile(program, kMaxProgramBytes);
    if (!bytes) co_return std::unexpected(bytes.error());
    const fs::path copy = *folder / code::kProgramFile;
    if (const Status wrote = writeFile(copy, *bytes); !wrote)
        co_return std::unexpected(wrote.error());
    std::error_code error;
    // Its user in the cage is another.
    fs::permissions(copy, fs::perms::others_exec | fs::perms::others_read | fs::perms::owner_exec,
                    fs::perm_options::add, error);
    if (!error) fs::copy_file(input, *folder / code::kRunInputFile, error);
    if (error)
        co_return fail(Code::internal, "cannot copy the rule's input: " + error.message(),
                       "see the daemon's log");
    Child child = code::runChild(*folder, code::outputBytes(itemsOf(input), 1));
    Result<Exit> exit = co_await job.world().workers.run(std::move(child), job.token());
    if (!exit) co_return std::unexpected(exit.error());
    const Status ended = code::checkExit(kRule, *exit);
    if (!ended) co_return std::unexpected(ended.error());
    co_return *folder / code::kRunOutputFile;
}

Task<Result<Json>> withRule(Job& job, Goal goal, Json plan, Json made, int percent) {
    if (!hasRule(plan)) co_return made;
    Result<fs::path> program = co_await ruleProgram(job, plan);
    if (!program) co_return std::unexpected(program.error());
    const fs::path folder = made.value("folder", "");
    std::vector<std::string> parts;
    for (const auto& [part, report] : made["parts"].items()) parts.push_back(part);
    for (const std::string& part : parts) {
        Result<fs::path> decided = co_await runRule(job, *program, folder / ("code-input-" + part));
        if (!decided) co_return std::unexpected(decided.error());
        const Json input = {{"dataset", job.world().artefacts.path(goal.data).string()},
                            {"plan", plan},
                            {"part", part},
                            {"outputs", (folder / ("outputs-" + part + ".bin")).string()},
                            {"decided", decided->string()}};
        Result<Json> report =
            co_await runStage(job, "tinsmith-work", "decide", input, "decide", percent, percent);
        if (!report) co_return std::unexpected(report.error());
        report->erase("folder");
        made["parts"][part].update(*report);
    }
    co_return made;
}

}  // namespace tinsmith
