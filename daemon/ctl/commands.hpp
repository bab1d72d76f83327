// The commands that ask the daemon something: one request, its reply in words or as JSON, and the
// job it started.
#pragma once

#include <string>

#include "daemon/ctl/client.hpp"

namespace tinsmith::ctl {

struct Asking {
    std::string verb;
    Json request = Json::object();
    bool wait = false;  // follow the job to its end
    bool json = false;  // print replies as they are
};

// Exit codes as in watch.hpp: an error reply is 1, no reply 3.
int ask(Client& client, const Asking& asking);

// A reply's data for people: texts as they are, lists as tables, the rest as indented JSON.
std::string shown(const Json& data);

// "{…}", "-" for stdin, or "@FILE". Errors: bad_json, bad_path.
[[nodiscard]] Result<Json> readJsonArgument(const std::string& argument);

// Makes a key file (mode 0600, never over another file) and prints its public half.
int makeKey(const std::string& file, bool json);

}  // namespace tinsmith::ctl
