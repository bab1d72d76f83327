#include "handlers/requests/generated.hpp"

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

constexpr std::size_t kMaxProgramBytes = 2u << 20;
constexpr std::size_t kMaxGraphBytes = 1u << 20;

std::span<const std::uint8_t> viewOf(const std::string& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

std::string nameOf(code::Kind kind) {
    return std::string(code::kindName(kind));
}

Error notCompiled(code::Kind kind, const Exit& exit) {
    const std::string words = code::shortComplaint(exit.errors);
    const std::string why = !exit.limit.empty() ? "its " + exit.limit + " limit was reached"
                            : words.empty() ? "the compiler ended with " + std::to_string(exit.code)
                                            : words;
    return {Code::build_failed, "the code of the " + nameOf(kind) + " does not compile: " + why,
            "mend it; the header says what there is", "/code/" + nameOf(kind) + "/source"};
}

// An empty folder with the sources, compiled there: the path of the object, which has been looked
// at.
Task<Result<fs::path>> compileFor(Job& job, Json plan, code::Kind kind,
                                  std::vector<std::string> compiler, std::string target) {
    const std::string source = plan["code"][nameOf(kind)].value("source", "");
    const auto clean = code::checkSource(kind, source);
    if (!clean) co_return std::unexpected(clean.error());
    auto folder = job.folder(nameOf(kind) + "-" + target);
    if (!folder) co_return std::unexpected(folder.error());
    Status wrote = writeFile(*folder / code::kHeaderFile, code::headerText());
    if (wrote) wrote = writeFile(*folder / code::sourceFile(kind), *clean);
    if (!wrote) co_return std::unexpected(wrote.error());
    Child child = code::compileChild(code::compileCommand(kind, compiler), *folder);
    Result<Exit> exit = co_await job.world().workers.run(std::move(child), job.token());
    if (!exit) co_return std::unexpected(exit.error());
    if (exit->code != 0 || !exit->limit.empty())
        co_return std::unexpected(notCompiled(kind, *exit));
    const fs::path object = *folder / code::objectFile(kind);
    const auto bytes = code::readForeignFile(object, code::kMaxObjectBytes);
    if (!bytes) co_return std::unexpected(bytes.error());
    const auto inspected = code::inspectObject(kind, viewOf(*bytes));
    if (!inspected) co_return std::unexpected(inspected.error());
    const auto graph = code::readForeignFile(*folder / code::graphFile(kind), kMaxGraphBytes);
    if (!graph) co_return std::unexpected(graph.error());
    const auto stack = code::inspectCalls(kind, *graph);
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

bool hasCode(const Json& plan, code::Kind kind) {
    const auto code = plan.find("code");
    return code != plan.end() && code->is_object() && code->contains(code::kindName(kind));
}

Task<Result<fs::path>> gatewayProgram(Job& job, Json plan, code::Kind kind) {
    const std::vector<std::string> compiler = {"gcc"};
    Result<fs::path> object = co_await compileFor(job, plan, kind, compiler, "gateway");
    if (!object) co_return std::unexpected(object.error());
    const fs::path library = job.world().settings.programDir / "libtinsmith_code_run.a";
    const std::vector<code::Kind> kinds = {kind};
    Child child = code::linkChild(kinds, library, object->parent_path());
    Result<Exit> exit = co_await job.world().workers.run(std::move(child), job.token());
    if (!exit) co_return std::unexpected(exit.error());
    if (exit->code != 0 || !exit->limit.empty())
        co_return std::unexpected(notCompiled(kind, *exit));
    co_return object->parent_path() / code::kProgramFile;
}

Task<Result<std::map<code::Kind, std::string>>> boardObjects(Job& job, Json plan,
                                                             std::vector<std::string> compiler) {
    std::map<code::Kind, std::string> objects;
    for (const code::Kind kind : {code::Kind::feature, code::Kind::decision}) {
        if (!hasCode(plan, kind)) continue;
        Result<fs::path> object = co_await compileFor(job, plan, kind, compiler, "board");
        if (!object) co_return std::unexpected(object.error());
        auto bytes = code::readForeignFile(*object, code::kMaxObjectBytes);
        if (!bytes) co_return std::unexpected(bytes.error());
        objects[kind] = std::move(*bytes);
    }
    co_return objects;
}

Task<Result<fs::path>> runGenerated(Job& job, code::Kind kind, fs::path program, fs::path input,
                                    int outputs) {
    auto folder = job.folder(nameOf(kind) + "-run");
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
    // Windows are many: they are moved, not copied.
    const std::size_t items = itemsOf(input);
    if (!error) fs::rename(input, *folder / code::kRunInputFile, error);
    if (error)
        co_return fail(Code::internal, "cannot move the code's input: " + error.message(),
                       "see the daemon's log");
    Child child = code::runChild(*folder, code::outputBytes(items, outputs));
    Result<Exit> exit = co_await job.world().workers.run(std::move(child), job.token());
    if (!exit) co_return std::unexpected(exit.error());
    const Status ended = code::checkExit(kind, *exit);
    if (!ended) co_return std::unexpected(ended.error());
    co_return *folder / code::kRunOutputFile;
}

}  // namespace tinsmith
