#include "handlers/build/firmware_build.hpp"

#include <utility>

#include "handlers/build/board_file.hpp"

namespace tinsmith::build {

namespace {

using Argv = std::vector<std::string>;

void replaceAll(std::string& text, const std::string& mark, const std::string& value) {
    for (std::size_t at = text.find(mark); at != std::string::npos;
         at = text.find(mark, at + value.size())) {
        text.replace(at, mark.size(), value);
    }
}

Argv filled(Argv words, const std::string& folder, const char* slot) {
    for (std::string& word : words) {
        replaceAll(word, "{slot}", slot);
        replaceAll(word, "{dir}", folder);
    }
    return words;
}

}  // namespace

Result<BoardTools> loadBoardTools(const std::filesystem::path& boardFolder) {
    auto file = BoardFile::open(boardFolder);
    if (!file) return std::unexpected(file.error());
    std::error_code ignored;
    BoardTools tools;
    tools.folder = std::filesystem::absolute(boardFolder, ignored).lexically_normal().string();
    if (tools.folder.size() > 1 && tools.folder.back() == '/') tools.folder.pop_back();
    const std::pair<const char*, Argv*> commands[] = {{"compile", &tools.compile},
                                                      {"link", &tools.link},
                                                      {"objcopy", &tools.objcopy},
                                                      {"code", &tools.code}};
    for (const auto& [key, target] : commands) {
        auto words = file->words("toolchain", key);
        if (!words) return std::unexpected(words.error());
        *target = std::move(*words);
    }
    return tools;
}

std::vector<Command> buildCommands(const BoardTools& tools,
                                   const std::vector<std::string>& objects) {
    Argv link;
    for (const std::string& word : tools.link) {
        if (word != "{code}") link.push_back(word);
        if (word == "{code}") link.insert(link.end(), objects.begin(), objects.end());
    }
    std::vector<Command> commands = {
        {"compile", filled(tools.compile, tools.folder, "a"), "model.o"}};
    constexpr const char* kSlots[2] = {"a", "b"};
    for (int i = 0; i < 2; ++i) {
        const std::string name = kSlots[i];
        commands.push_back(
            {"link slot " + name, filled(link, tools.folder, kSlots[i]), kElfFiles[i]});
        commands.push_back({"payload of slot " + name,
                            filled(tools.objcopy, tools.folder, kSlots[i]), kPayloadFiles[i]});
    }
    return commands;
}

}  // namespace tinsmith::build
