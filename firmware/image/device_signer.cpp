#include "firmware/image/device_signer.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "firmware/image/signing.hpp"

namespace tinsmith::image {
namespace {

// Writes `input` to the child's stdin and returns what it printed. The line is far shorter than a
// pipe's buffer.
Expected<std::string> converse(const std::filesystem::path& program,
                               const std::filesystem::path& key, const std::string& input) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0) return fail("cannot make a pipe");
    if (::pipe2(out, O_CLOEXEC) != 0) {
        ::close(in[0]);
        ::close(in[1]);
        return fail("cannot make a pipe");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::string name = program.string();
    std::string option = "--key";
    std::string file = key.string();
    std::array<char*, 4> argv = {name.data(), option.data(), file.data(), nullptr};
    pid_t child = 0;
    const int failed =
        ::posix_spawnp(&child, name.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    std::string reply;
    bool written = false;
    if (failed == 0) {
        written = ::write(in[1], input.data(), input.size()) == static_cast<ssize_t>(input.size());
    }
    ::close(in[1]);
    if (failed == 0) {
        std::array<char, 512> buffer{};
        for (ssize_t n = 0; (n = ::read(out[0], buffer.data(), buffer.size())) > 0;) {
            reply.append(buffer.data(), static_cast<std::size_t>(n));
        }
    }
    ::close(out[0]);
    if (failed != 0) return fail("cannot start " + name, "give its path with --signer");
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!written || status != 0 || reply.empty()) {
        return fail(name + " did not sign with " + file,
                    "its message is above; see `tinsmith key new`");
    }
    return reply;
}

}  // namespace

Expected<Signed> signImage(const std::filesystem::path& signer, const std::filesystem::path& key,
                           const wire::Digest& digest) {
    const std::string line = R"({"kind":"image","hex":")" + hex(digest) + "\"}\n";
    const auto reply = converse(signer, key, line);
    if (!reply) return std::unexpected(reply.error());
    const auto json = nlohmann::json::parse(*reply, nullptr, false);
    if (!json.is_object() || !json.contains("signature") || !json["signature"].is_string() ||
        !json.contains("public_key") || !json["public_key"].is_string()) {
        return fail("tinsmith-sign answered something else: " + *reply);
    }
    const auto signature = unhex(json["signature"].get<std::string>());
    const auto publicKey = unhex(json["public_key"].get<std::string>());
    Signed result;
    if (!signature || !publicKey || signature->size() != result.signature.size() ||
        publicKey->size() != result.publicKey.size()) {
        return fail("tinsmith-sign answered with fields of the wrong length");
    }
    std::copy(signature->begin(), signature->end(), result.signature.begin());
    std::copy(publicKey->begin(), publicKey->end(), result.publicKey.begin());
    return result;
}

}  // namespace tinsmith::image
