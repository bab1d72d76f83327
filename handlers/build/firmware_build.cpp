#include "handlers/build/firmware_build.hpp"

#include <map>
#include <toml.hpp>

namespace tinsmith::build {

namespace {

using Argv = std::vector<std::string>;

Result<Argv> command(const toml::value& file, const char* key) {
    const std::string hint = "reinstall the board files";
    try {
        auto argv = toml::find<Argv>(file, key);
        if (argv.empty() || argv[0].empty()) {
            return fail(Code::bad_data, std::string("board.toml: \"") + key + "\" is empty", hint);
        }
        return argv;
    } catch (const std::exception&) {
        return fail(Code::bad_data, std::string("board.toml: \"") + key + "\" is not a list of words", hint);
    }
}

// Every {name} in the words replaced; other braces stay.
Argv filled(const Argv& words, const std::map<std::string, std::string>& values) {
    Argv result;
    for (std::string word : words) {
        for (const auto& [name, value] : values) {
            const std::string mark = "{" + name + "}";
            for (std::size_t at = word.find(mark); at != std::string::npos; at = word.find(mark, at + value.size())) {
                word.replace(at, mark.size(), value);
            }
        }
        result.push_back(std::move(word));
    }
    return result;
}

}  // namespace

Result<BoardTools> loadBoardTools(const std::filesystem::path& boardFolder) {
    const auto path = boardFolder / "board.toml";
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
        return fail(Code::bad_path, "no board.toml in " + boardFolder.string(), "build or install the board's firmware");
    }
    toml::value file;
    try {
        file = toml::parse(path.string());
    } catch (const std::exception& e) {
        return fail(Code::bad_data, std::string("board.toml cannot be read: ") + e.what(), "reinstall the board files");
    }
    BoardTools tools;
    tools.folder = std::filesystem::absolute(boardFolder, error).lexically_normal().string();
    if (tools.folder.size() > 1 && tools.folder.back() == '/') tools.folder.pop_back();
    const std::pair<const char*, Argv*> commands[] = {{"compile", &tools.compile},
                                                      {"link_a", &tools.linkA},
                                                      {"link_b", &tools.linkB},
                                                      {"objcopy", &tools.objcopy}};
    for (const auto& [key, target] : commands) {
        auto argv = command(file, key);
        if (!argv) return std::unexpected(argv.error());
        *target = std::move(*argv);
    }
    return tools;
}

std::vector<Command> buildCommands(const BoardTools& tools) {
    constexpr const char* kObject = "model.o";
    const auto values = [&](int slot) {
        return std::map<std::string, std::string>{{"board", tools.folder},
                                                  {"source", kSourceFile},
                                                  {"object", kObject},
                                                  {"elf", kElfFiles[slot]},
                                                  {"bin", kPayloadFiles[slot]}};
    };
    return {{"compile", filled(tools.compile, values(0)), kObject},
            {"link slot A", filled(tools.linkA, values(0)), kElfFiles[0]},
            {"link slot B", filled(tools.linkB, values(1)), kElfFiles[1]},
            {"payload of slot A", filled(tools.objcopy, values(0)), kPayloadFiles[0]},
            {"payload of slot B", filled(tools.objcopy, values(1)), kPayloadFiles[1]}};
}

}  // namespace tinsmith::build
